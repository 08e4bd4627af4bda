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
from lowland.analysis.screening.features import features, to_be_deployed
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

STOPS = {"float": (0.05, 0.1, 0.25, 0.5, 1.0), "ptq": (0.1,)}
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
        known = features(measured, cells, source=source)  # type: ignore[arg-type]  # STOPS has the two sources
        columns = [name for name in known.columns if name not in CELL]
        known = known.assign(family=known.recipe.map(families))
        spent = 1.0 if stop == FINISHED else _training_seconds(measured) / whole
        kept = timings[timings.namespace.str.startswith(tuple(known.task.unique()))]
        saved = saving(kept, source=source, training_share=spent, chosen_share=chosen_share).share  # type: ignore[arg-type]  # likewise
        for truth, all_rows in known.merge(there, on=CELL).groupby("truth", sort=False):
            several = all_rows.task.nunique() > 1
            sets = [(str(task), rows.reset_index(drop=True)) for task, rows in all_rows.groupby("task", sort=False)]
            for task, rows in sets:
                common = {"source": source, "stop": str(stop), "task": task, "truth": truth, "saved": saved}
                common |= {"kind": rows.kind.iloc[0], "halved": bool(rows.halved.all())}
                for model in MODELS:
                    for by in (FAMILY, LOWEST, HIGHEST) if stop == FINISHED else (FAMILY,):
                        out = predictions(rows, columns, model=model, by=by)
                        records.append(common | {"model": model, "by": by} | _scores(out, saved))
                    if model == "ridge" and stop == FINISHED:
                        share, error = coverage(rows, columns, model=model)
                        records[-3] |= {"coverage": share, "coverage_error": error}
                for name, used in BASELINES.items():
                    if stop == FINISHED and set(used) <= set(columns):
                        out = predictions(rows, used, model="ridge", by=FAMILY)
                        records.append(common | {"model": name, "by": FAMILY} | _scores(out, saved))
                if source == "float" and stop == FINISHED and task == arguments.task:
                    out = with_halving(out, _halved(found))
                    scores = asdict(choice(out, name="halving"))
                    named = {"model": "successive halving", "by": FAMILY, "saved": float("nan")}
                    records.append(common | named | scores)
            if several and stop == FINISHED:
                for model in MODELS:
                    out = predictions(all_rows.reset_index(drop=True), columns, model=model, by=TASK)
                    common = {"source": source, "stop": str(stop), "truth": truth, "saved": saved}
                    common |= {"kind": all_rows.kind.iloc[0], "halved": bool(all_rows.halved.all()), "by": TASK}
                    for task, rows in out.groupby("task", sort=False):
                        records.append(common | {"task": str(task), "model": model} | _scores(rows, saved))
        print(source, stop, f"{saved:.2f}", flush=True)
        pd.DataFrame(records).to_parquet(arguments.out / "scores.parquet")


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
