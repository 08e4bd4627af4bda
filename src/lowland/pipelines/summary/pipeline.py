"""Closes every namespace with its table, then analyses the whole."""

from __future__ import annotations

from itertools import product

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.summary.nodes import gather

STAGES = ("quantization", "landscape", "perturbation")


def create_pipeline(**_: object) -> Pipeline:
    """Gathers runs, pairs of seeds, configurations and tasks."""
    study = grid.current()
    parts = []
    for run in study.runs:
        parts.append(_gather(run.id, [f"{run.id}.{p}.{stage}_rows" for p, stage in product(study.precisions, STAGES)]))
    for task, recipe in study.configurations:
        here, children = f"{task}.{recipe}", [*study.seeds]
        if len(study.seeds) > 1:
            children.append(grid.PAIRS)
            pairs = f"{here}.{grid.PAIRS}"
            parts.append(_gather(pairs, [f"{pairs}.{precision}.landscape_rows" for precision in study.precisions]))
        parts.append(_gather(here, [f"{here}.{child}.table" for child in children]))
    for task in study.tasks:
        parts.append(_gather(task, [f"{task}.{recipe}.table" for recipe in study.recipes]))
    return grid.joined(parts)


def _gather(namespace: str, tables: list[str]) -> Pipeline:
    wires = {f"table_{number}": table for number, table in enumerate(tables)}
    node = Node(gather, list(wires), "table", name="gather", tags=["summary", "gather"])
    return grid.place(Pipeline([node]), namespace, **wires)
