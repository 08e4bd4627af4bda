"""Write the data card of the tokamak set, `docs/data/tokamak.md`, with every figure measured on the user's file.

    python -m scripts.describe_tokamak

The tasks, sets and training are those of `conf/tokamak`; the text stands in `scripts/tokamak_card.md.j2`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from lowland.architectures import initialised_network
from lowland.tasks import Samples, TaskOptions, build_task
from lowland.tasks.table import build_table
from lowland.tasks.table.source import class_names, read_table
from lowland.tasks.table.task import LATER, Table
from lowland.training import Recipe, TrainingData, TrainingOptions, train
from scripts.write_params import resolved

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("tokamak_card.md.j2")
LABELS = ("label_eae", "label_tae", "label_rsae", "label_bae", "label_baae", "label_egam")
BOOSTING_ROUNDS = 60


def accuracy(predicted: torch.Tensor, targets: torch.Tensor) -> float:
    return float((predicted == targets).double().mean())


def mode_figures(task: str, parameters: dict[str, Any], training: TrainingOptions) -> dict[str, Any]:
    """Samples, accuracies of network, trees and guess, of one mode on its test samples and on the later discharges."""
    problem = build_task(TaskOptions.model_validate(parameters["tasks"][task]))
    raw = problem.fetch()
    problem.check(raw, task)
    splits = problem.prepare(raw)
    parts: dict[str, Samples] = {"test": splits.held_out.samples, LATER: splits.shifted[LATER].samples}
    networks: dict[str, list[float]] = {name: [] for name in parts}
    for seed in parameters["seeds"].values():
        fitted = train(
            initialised_network(problem.network_spec_for(splits["train"]), key=(task, seed)),
            TrainingData(splits["train"], splits["validation"], problem.loss),
            recipe=Recipe.model_validate({"kind": "plain"}).root,
            options=training,
            key=(task, seed),
        )
        with torch.no_grad():
            for name, rows in parts.items():
                networks[name].append(accuracy(problem.decisions(fitted.network(rows.inputs)), rows.targets))
    trees = HistGradientBoostingClassifier(max_iter=BOOSTING_ROUNDS, early_stopping=False, random_state=0)
    trees.fit(splits["train"].inputs.numpy(), splits["train"].targets.numpy())
    print(task, networks, flush=True)
    return {
        "target": problem.options.target if isinstance(problem, Table) else task,
        "rows": {name: len(rows.targets) for name, rows in (("train", splits["train"]), *parts.items())},
        "shares": {name: shares(rows.targets, problem.num_outputs) for name, rows in parts.items()},
        "guess": {name: problem.guess_score(rows.targets) for name, rows in parts.items()},
        "network": networks,
        "trees": {
            name: accuracy(torch.from_numpy(trees.predict(rows.inputs.numpy())), rows.targets)
            for name, rows in parts.items()
        },
    }


def shares(targets: torch.Tensor, count: int) -> list[float]:
    return (targets.bincount(minlength=count) / len(targets)).tolist()


def table_figures(options: Any) -> dict[str, Any]:
    """Samples, discharges, labels and gaps of the file as it is."""
    frame = read_table(options.path)
    features = build_table(options).features_of(frame).values
    gaps = features.isna()
    spread = ((features - features.mean()) / features.std()).abs().max()
    groups = frame.groupby(options.group).size()
    return {
        "rows": len(frame),
        "columns": frame.shape[1],
        "features": list(features),
        "dropped": options.drop,
        "discharges": (
            len(groups),
            int(groups.max()),
            int(frame[options.group].min()),
            int(frame[options.group].max()),
        ),
        "labels": {
            name: {
                "values": {int(value): int(count) for value, count in frame[name].value_counts().sort_index().items()},
                "classes": class_names(frame[name], options.classes).value_counts().to_dict(),
            }
            for name in LABELS
        },
        "gaps": {"values": int(gaps.to_numpy().sum()), "rows": int(gaps.any(axis=1).sum())},
        "most_gaps": gaps.mean().nlargest(3).to_dict(),
        "constant": [name for name, column in features.items() if column.nunique() == 1],
        "duplicates": int(features.duplicated().sum()),
        "tails": spread.nlargest(3).to_dict(),
    }


def described(parameters: dict[str, Any], training: TrainingOptions) -> str:
    """The card."""
    first = TaskOptions.model_validate(next(iter(parameters["tasks"].values()))).root
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"share": lambda x: f"{x:.3f}", "percent": lambda x: f"{100 * x:.0f} %"}
    environment.filters["count"] = lambda x: f"{x:,}"
    environment.filters["mean"] = lambda values: f"{pd.Series(values).mean():.3f}"
    environment.filters["span"] = lambda values: f"{min(values):.3f} to {max(values):.3f}"
    return environment.from_string(TEMPLATE.read_text()).render(
        table=table_figures(first),
        modes={task: mode_figures(task, parameters, training) for task in parameters["tasks"]},
        classes=list(first.classes),
        options=first,
        training=training,
        seeds=len(parameters["seeds"]),
        rounds=BOOSTING_ROUNDS,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, write the card."""
    parser = argparse.ArgumentParser(description="Write the data card of the tokamak set (trains small networks).")
    parser.add_argument("--table", type=Path, help="where the file is, if not where conf/tokamak says")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "data" / "tokamak.md")
    options = parser.parse_args(arguments)
    parameters = resolved("tokamak")
    if options.table is not None:
        for task in parameters["tasks"].values():
            task["path"] = str(options.table)
    training = TrainingOptions.model_validate(parameters["training"])
    options.output.write_text(described(parameters, training).rstrip() + "\n", encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
