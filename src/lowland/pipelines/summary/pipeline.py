"""Closes every namespace with its table, then analyses the whole."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pandas as pd
from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.config import PAIRS
from lowland.pipelines.summary import nodes

STAGES = ("quantization", "landscape", "perturbation")
GATHER = ["summary", "gather"]  # a gather reads what there is: runners start it even after a failure
SUMMARY = ["summary"]


def create_pipeline(**_: object) -> Pipeline:
    """Gathers runs, pairs of seeds, configurations and tasks; then correlations, front, recommendation and report."""
    study = grid.current()
    parts = []
    for run in study.runs:
        tables = [f"{run.id}.{p}.{stage}_rows" for p, stage in product(study.precisions, STAGES)]
        parts.append(_gather(nodes.gather, "table", run.id, tables))
    for task, recipe in study.configurations:
        here, children = f"{task}.{recipe}", [*study.seeds]
        if len(study.seeds) > 1:
            children.append(PAIRS)
            pairs = f"{here}.{PAIRS}"
            tables = [f"{pairs}.{precision}.landscape_rows" for precision in study.precisions]
            parts.append(_gather(nodes.gather, "table", pairs, tables))
        parts.append(_gather(nodes.gather, "table", here, [f"{here}.{child}.table" for child in children]))
        parts.append(_gather(nodes.gather_curves, "learning", here, _curves(study, task, recipe)))
    for task in study.tasks:
        for func, name in ((nodes.gather, "table"), (nodes.gather_curves, "learning")):
            parts.append(_gather(func, name, task, [f"{task}.{recipe}.{name}" for recipe in study.recipes]))
    return grid.joined([*parts, _analysis(study.tasks)])


def _curves(study: grid.Grid, task: str, recipe: str) -> list[str]:
    runs = [f"{task}.{recipe}.{seed}" for seed in study.seeds]
    tuned = [name for name, precision in study.study.precisions.items() if precision.method == "qat"]
    return [f"{run}.curves" for run in runs] + [f"{run}.{name}.curves" for run, name in product(runs, tuned)]


def _gather(func: Callable[..., pd.DataFrame], name: str, namespace: str, tables: list[str]) -> Pipeline:
    wires = {f"table_{number}": table for number, table in enumerate(tables)}
    node = Node(func, list(wires), name, name=f"gather_{name}", tags=GATHER)
    return grid.place(Pipeline([node]), namespace, inputs=wires)


def _analysis(tasks: tuple[str, ...]) -> Pipeline:
    tables = {f"table_{number}": f"{task}.table" for number, task in enumerate(tasks)}
    learning = {f"learning_{number}": f"{task}.learning" for number, task in enumerate(tasks)}
    analysed = ["measurements", "correlations", "prediction_points", "prediction_fits", "pareto", "recommendation"]
    template = Pipeline(
        [
            Node(
                nodes.close_study,
                ["params:everything", "params:shifted_sets", *tables],
                "measurements",
                name="close_study",
                tags=GATHER,
            ),
            Node(nodes.correlate, ["measurements"], "correlations", name="correlate", tags=SUMMARY),
            Node(
                nodes.predict, ["measurements"], ["prediction_points", "prediction_fits"], name="predict", tags=SUMMARY
            ),
            Node(nodes.find_front, ["measurements"], ["pareto", "pareto_plot"], name="find_front", tags=SUMMARY),
            Node(
                nodes.choose,
                ["params:requirements", "measurements"],
                ["recommendation", "metrics"],
                name="recommend",
                tags=SUMMARY,
            ),
            Node(
                nodes.draw,
                ["measurements", "correlations", "pareto"],
                ["bit_error_figure", "pareto_figure", "correlation_figure"],
                name="draw",
                tags=SUMMARY,
            ),
            Node(
                nodes.report,
                ["params:descriptions", "params:commands", *analysed, *learning],
                "report",
                name="report",
                tags=SUMMARY,
            ),
        ]
    )
    parameters = {name: name for name in ("everything", "descriptions", "shifted_sets", "commands", "requirements")}
    return grid.place(template, "summary", parameters=parameters, inputs=tables | learning)
