"""How long the study takes: seconds per stage and per cell, peak memory, and all cores against one worker.

Runs the study of an environment with one worker and with all cores, and prints what every node reported:

    python benchmarks/speed.py --env base
    python benchmarks/speed.py --env smoke --repeats 3
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from kedro.config import OmegaConfigLoader

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    "preparation",
    "training",
    "quantization",
    "landscape",
    "perturbation",
    "tables",
    "analysis",
    "decision",
    "report",
)


def data_folder(env: str) -> Path:
    """Where an environment writes."""
    loader = OmegaConfigLoader(conf_source=str(ROOT / "conf"), env=env, base_env="base", default_run_env="local")
    return ROOT / loader["globals"]["data"]


def run(env: str, workers: int) -> tuple[float, pd.DataFrame]:
    """Wall seconds of one whole `kedro run` and the timings of its nodes."""
    timings = data_folder(env) / "08_reporting" / "timings.parquet"
    timings.unlink(missing_ok=True)
    command = [sys.executable, "-m", "kedro", "run", "--env", env, "--runner-params", f"max_workers={workers}"]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start, pd.read_parquet(timings)


def interrupted(env: str, *, after: float) -> float:
    """Seconds from Ctrl-C, sent so long after the first finished node, to the end of `kedro run`."""
    timings = data_folder(env) / "08_reporting" / "timings.parquet"
    timings.unlink(missing_ok=True)
    command = [sys.executable, "-m", "kedro", "run", "--env", env]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, preexec_fn=hear_interrupts, **quiet)
    folder = data_folder(env) / "06_models"
    before = time.time()
    while not any(path.stat().st_mtime > before for path in folder.rglob("*.safetensors")):
        if process.poll() is not None:
            raise SystemExit(f"kedro run --env {env} ended before it could be interrupted")
        time.sleep(0.1)
    time.sleep(after)
    start = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    return time.perf_counter() - start


def hear_interrupts() -> None:
    """Undo that a background job, and so its children, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Nodes, core seconds, seconds per node and peak memory of every stage."""
    grouped = frame.groupby("stage")
    rows = pd.DataFrame(
        {
            "nodes": grouped.size(),
            "core seconds": grouped["seconds"].sum().round(1),
            "seconds per node (median)": grouped["seconds"].median().round(2),
            "slowest node (s)": grouped["seconds"].max().round(2),
            "peak memory (MB)": grouped["peak_megabytes"].max().round(0),
        }
    )
    return rows.reindex([stage for stage in STAGES if stage in rows.index])


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="local")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each kind; medians are printed")
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    walls: dict[int, list[float]] = {1: [], cores: []}
    for _ in range(arguments.repeats):
        for workers in walls:
            seconds, frame = run(arguments.env, workers)
            walls[workers].append(seconds)
            if workers == 1:
                single = frame
    print(f"Environment {arguments.env}, one worker:\n")
    print(table(single).to_string())
    medians = {workers: statistics.median(seconds) for workers, seconds in walls.items()}
    for workers, seconds in medians.items():
        spread = ", ".join(f"{value:.1f}" for value in walls[workers])
        print(f"\n{workers} worker(s): {seconds:.1f} s wall, start to end (runs: {spread})")
    print(f"\nAll {cores} cores against one worker: {medians[1] / medians[cores]:.2f}x")
    seconds = [interrupted(arguments.env, after=2.0) for _ in range(3)]
    print(f"Ctrl-C until the end: {statistics.median(seconds):.1f} s (runs: {', '.join(f'{s:.1f}' for s in seconds)})")


if __name__ == "__main__":
    main()
