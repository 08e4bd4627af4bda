"""Flip every stored bit of every network of a finished study, and keep what came of it beside what predicted it.

    python -m benchmarks.fault_ranking.write data/study fault_ranking
    python -m benchmarks.fault_ranking.write data/study fault_ranking --tasks jets --workers 2

A network whose files are there is not measured again. Truth is measured on all held-out rows, predictions are made from
landscape rows. Only classifiers are flipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from benchmarks.fault_ranking.cell_map import map_cell
from benchmarks.fault_ranking.loader import CELLS, MAPS, RATES, ROWS, cell_id
from lowland.atomic_files import atomic_path
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.tasks import Splits, TaskOptions, build_task

NAMES = ("task", "recipe", "seed", "precision", "method", "weight_bits")
ABOUT = "about"
MEASURES = ("hessian_trace", "largest_eigenvalue", "weight_norm", "flip_mismatch_curvature", "size")
"""Of the study's long table, of the whole network; ``hessian_trace`` and the like are of landscape rows."""


def cells_of(study: Path, tasks: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Names and measures of the networks with codes, and the options of their tasks.

    Args:
        study: Data folder of a finished study.
        tasks: Which; all without it.

    Raises:
        SystemExit: No finished study.
    """
    record = study / "08_reporting" / "study.yml"
    if not record.is_file():
        raise SystemExit(f"{study}: 08_reporting/study.yml is missing; expected the data folder of a finished study")
    options = yaml.safe_load(record.read_text(encoding="utf-8"))["parameters"]["tasks"]
    table = pd.read_parquet(study / "08_reporting" / "measurements.parquet")
    coded = table[table.method.isin(["qat", "ptq"]) & table.task.isin(tasks or list(options))]
    whole = coded[coded.measure.isin(MEASURES) & (coded.target == "") & (coded.condition == "")]
    for names, rows in whole.groupby(list(NAMES), sort=False):
        about = dict(zip(NAMES, names, strict=True))
        yield about | dict(zip(rows.measure, rows.value, strict=True)), options[about["task"]]


def write_cell(study: Path, out: Path, about: dict[str, Any], options: dict[str, Any]) -> str:
    """Measures one network unless it was, and writes its files; returns what happened to it."""
    name = cell_id(about)
    last = out / ABOUT / f"{name}.parquet"
    if last.is_file():
        return "kept"
    torch.set_num_threads(1)
    path = study / "06_models" / "deployed" / about["task"] / about["recipe"] / about["seed"]
    deployed = ModelDataset(filepath=str(path / f"{about['precision']}.safetensors")).load()
    if deployed.status != "ok" or not isinstance(deployed.network, IntegerNetwork):
        return f"left out: {deployed.status}"
    task = build_task(TaskOptions.model_validate(options))
    stored = TensorsDataset(filepath=str(study / "05_model_input" / about["task"] / "splits.safetensors")).load()
    splits = Splits.from_tensors(stored.tensors)
    measured, known = splits.held_out.samples, splits["landscape"]
    found = map_cell(deployed.network, task, measured=measured, known=known, key=(about["task"], "fault ranking"))
    for folder, frame in ((MAPS, found.bits), (ROWS, found.rows), (RATES, found.rates)):
        _write(frame, out / folder / f"{name}.parquet")
    _write(pd.DataFrame([about | found.about]), last)
    return "measured"


def write_benchmark(study: Path, out: Path, *, tasks: tuple[str, ...] = (), workers: int = 1) -> pd.DataFrame:
    """Writes the benchmark of a finished study.

    Args:
        study: Its data folder.
        out: Where the benchmark goes.
        tasks: Of which tasks; all without it.
        workers: Processes.

    Returns:
        ``cells.parquet``.
    """
    cells = list(cells_of(study, tasks))
    for folder in (MAPS, ROWS, RATES, ABOUT):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(write_cell, study, out, about, options): cell_id(about) for about, options in cells}
        for number, (job, name) in enumerate(jobs.items(), 1):
            state = job.result()
            if state != "kept" or number == len(jobs):
                print(f"{number} of {len(jobs)}: {name} {state}", flush=True)
    found = pd.concat([pd.read_parquet(file) for file in sorted((out / ABOUT).iterdir())], ignore_index=True)
    _write(found, out / CELLS)
    return found


def _write(frame: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as part:
        frame.to_parquet(part, index=False, compression="zstd")


def main() -> None:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="data folder of a finished study")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", nargs="*", default=())
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    write_benchmark(arguments.study, arguments.out, tasks=tuple(arguments.tasks), workers=arguments.workers)


if __name__ == "__main__":
    main()
