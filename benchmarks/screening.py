"""Can robustness be told before training and testing? Every recipe family of a finished study held out, in one table.

    python -m benchmarks.screening /path/to/study/data screening --task jets

The study's float runs are trained anew, up to shares of their epochs, and measured there; truths are the study's own.
`python -m scripts.describe_screening screening` writes docs/screening.md from what this leaves.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
import yaml

from lowland.analysis.criteria import CELL
from lowland.analysis.screening.families import known_study
from lowland.analysis.screening.features import Source, features, to_be_deployed
from lowland.analysis.screening.folds import FAMILY, HIGHEST, LOWEST, TASK, predictions
from lowland.analysis.screening.halving import halving_scores, with_halving
from lowland.analysis.screening.models import MODELS
from lowland.analysis.screening.options import ScreeningOptions
from lowland.analysis.screening.saving import saving
from lowland.analysis.screening.scores import choice, coverage, r_squared, verdict
from lowland.analysis.screening.truths import truths
from lowland.config import validate
from lowland.datasets.tensors import TensorsDataset
from lowland.grid import Grid
from lowland.measurements import stack
from lowland.pipelines.screen.nodes import measure_run

STOPS = {"float": (0.05, 0.1, 0.25, 0.5, 1.0), "ptq": ()}
MAIN = "gaussian_process"
TRUTHS = ("accuracy bit_error_rate", "accuracy gaussian", "accuracy_drop bit_error_rate", "accuracy_drop gaussian")
BASELINES = {
    "bits of a weight": ("bits",),
    "clean loss": ("clean_loss", "bits"),
    "confidence (entropy)": ("output_entropy", "bits"),
    "mean squared flip": ("mean_squared_flip", "bits"),
}
FINISHED = "finished"


def sources_at(data: Path, task: str, source: str, share: float) -> pd.DataFrame:
    """What every run of a study's task measures after a share of its epochs."""
    told = yaml.safe_load((data / "08_reporting/study.yml").read_text("utf-8"))["parameters"]
    base = dict(known="none", known_screened="none", worth_share=0.2, confidence=0.9)
    screening = base | dict(epochs_share=share, source=source, model="ridge")
    told = {name: value for name, value in told.items() if name in type_fields()} | {"screening": screening}
    study = validate(told)
    grid = Grid(study)
    splits = TensorsDataset(filepath=str(data / f"05_model_input/{task}/splits.safetensors")).load()
    options = ScreeningOptions.model_validate(screening)
    parts = [
        measure_run(
            run,
            study.tasks[task],
            study.recipes[run.recipe],
            study.precisions,
            study.training,
            study.quantization,
            study.landscape,
            options,
            "cpu",
            splits,
        )
        for run in grid.runs
        if run.task == task
    ]
    return stack(parts)


def type_fields() -> set[str]:
    """Names of the parameters that a study has today."""
    from lowland.config import Study

    return set(Study.model_fields)


def main() -> None:
    """Writes ``scores.parquet`` and the measured sources."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="of a finished study")
    parser.add_argument("out", type=Path)
    parser.add_argument("--task", default="jets", help="whose runs are trained again up to shares of their epochs")
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS))
    parser.add_argument("--covered", nargs="*", default=[TRUTHS[0]], help="truths of which coverage is counted: slow")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    reporting = arguments.data / "08_reporting"
    table, families = known_study(reporting / "measurements.parquet")
    timings, there = pd.read_parquet(reporting / "timings.parquet"), truths(table)
    cells = to_be_deployed(table)
    found: dict[tuple[str, str | float], pd.DataFrame] = {(source, FINISHED): table for source in STOPS}
    for source, shares in STOPS.items():
        for share in shares:
            file = arguments.out / f"{source}_{share:g}.parquet"
            if not file.is_file():
                sources_at(arguments.data, arguments.task, source, share).to_parquet(file)
            found[source, share] = pd.read_parquet(file)
    whole = _training_seconds(found["float", 1.0])
    records = []
    chosen_share = 1 / len(table.recipe.unique())
    for (source, stop), measured in found.items():
        known = features(measured, cells, source=source)
        columns = [name for name in known.columns if name not in CELL]
        known = known.assign(family=known.recipe.map(families))
        spent = 1.0 if stop == FINISHED else _training_seconds(measured) / whole
        kept = timings[timings.namespace.str.partition(".")[0] == arguments.task]
        saved = _saved(kept, source, spent, chosen_share)
        for truth, all_rows in known.merge(there[there.truth.isin(arguments.truths)], on=CELL).groupby("truth"):
            rows = all_rows[all_rows.task == arguments.task].reset_index(drop=True)
            common = {"source": source, "stop": str(stop), "truth": truth, "saved": saved}
            common |= {"kind": rows.kind.iloc[0], "task": arguments.task, "halved": bool(rows.halved.all())}
            asked = [(model, FAMILY) for model in (MODELS if stop == FINISHED else (MAIN,))]
            asked += [(MAIN, end) for end in (LOWEST, HIGHEST) if stop == FINISHED]
            for model, by in asked:
                out = predictions(rows, columns, model=model, by=by)
                records.append(common | {"model": model, "by": by} | _scores(out, saved))
            if stop != FINISHED:
                continue
            for name, used in BASELINES.items():
                if set(used) <= set(columns):
                    out = predictions(rows, used, model="ridge", by=FAMILY)
                    records.append(common | {"model": name, "by": FAMILY} | _scores(out, saved))
            if source == "float":
                scores = asdict(choice(with_halving(out, _halved(found)), name="halving"))
                records.append(common | {"model": "successive halving", "by": FAMILY, "saved": float("nan")} | scores)
            if truth in arguments.covered:
                share, error = coverage(rows, columns, model="ridge")
                told = {"model": "ridge", "by": "coverage", "coverage": share, "coverage_error": error}
                records.append(common | told)
            if all_rows.task.nunique() > 1:
                out = predictions(all_rows.reset_index(drop=True), columns, model=MAIN, by=TASK)
                for task, part in out.groupby("task", sort=False):
                    named = {"task": str(task), "model": MAIN, "by": TASK}
                    records.append(common | named | _scores(part, saved))
        print(source, stop, f"{saved:.2f}", flush=True)
        pd.DataFrame(records).to_parquet(arguments.out / "scores.parquet")


def _saved(timings: pd.DataFrame, source: Source, training_share: float, chosen_share: float) -> float:
    return saving(timings, source=source, training_share=training_share, chosen_share=chosen_share).share


def _scores(out: pd.DataFrame, saved: float) -> dict[str, object]:
    outcome = choice(out)
    told = verdict(outcome, saved=saved, in_points=bool(out.in_points.all()))
    return {"r_squared": r_squared(out), **asdict(outcome), "verdict": told}


def _training_seconds(measured: pd.DataFrame) -> float:
    runs = measured.drop_duplicates(["task", "recipe", "seed"])
    return float(runs.training_seconds.sum())


def _halved(found: dict[tuple[str, str | float], pd.DataFrame]) -> pd.DataFrame:
    stops = STOPS["float"]
    rows = pd.concat([found["float", stop] for stop in stops])
    rows = rows[(rows.family == "performance") & (rows.measure == "loss") & (rows.split == "validation")]
    means = rows.groupby(["task", "recipe", "epochs_share"])["value"].mean().reset_index()
    return halving_scores(means.assign(score=-means.value), stops)


if __name__ == "__main__":
    main()
