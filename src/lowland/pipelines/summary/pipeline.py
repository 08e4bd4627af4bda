"""Closes every namespace with its table, then analyses the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

import pandas as pd
from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.config import PAIRS
from lowland.pipelines.summary import nodes

STAGES = ("quantization", "landscape", "perturbation")
GATHER = ["summary", "gather"]  # a gather reads what there is: runners start it even after a failure
SUMMARY = ["summary"]
PICTURES = ("spectral_density", "loss_surface", "mode_connectivity", "flip_map", "protection")
FRAMES = ("learning", "pictures")  # what a task hands on besides its table


def create_pipeline(**_: object) -> Pipeline:
    """Gathers runs, pairs of seeds, configurations and tasks; then correlations, front, recommendation and report."""
    study = grid.current()
    parts = []
    detailed, mapped = ({cell.id for cell in chosen} for chosen in (study.detailed_cells, study.mapped_cells))
    for run in study.runs:
        own = study.precisions_of(run.recipe)
        tables = [f"{run.id}.{p}.{stage}_rows" for p, stage in product(own, STAGES)]
        for name, chosen in (("landscape_detail_rows", detailed), ("flip_map_rows", mapped)):
            tables += [f"{run.id}.{p}.{name}" for p in own if f"{run.id}.{p}" in chosen]
        parts.append(_gather(nodes.gather, "table", run.id, tables))
    for task, recipe in study.configurations:
        here, children = f"{task}.{recipe}", [*study.seeds]
        if len(study.seeds) > 1:
            children.append(PAIRS)
            pairs = f"{here}.{PAIRS}"
            tables = [f"{pairs}.{precision}.landscape_rows" for precision in study.precisions_of(recipe)]
            if study.detailed_pairs:
                detailed_here = study.precisions_of(recipe, among=study.detailed_precisions)
                tables += [f"{pairs}.{precision}.landscape_detail_rows" for precision in detailed_here]
            parts.append(_gather(nodes.gather, "table", pairs, tables))
        parts.append(_gather(nodes.gather, "table", here, [f"{here}.{child}.table" for child in children]))
        for name, curves in _frames(study, task, recipe).items():
            parts.append(_gather(nodes.gather_frames, name, here, curves))
    for task in study.tasks:
        for func, name in ((nodes.gather, "table"), (nodes.gather_frames, "learning")):
            parts.append(_gather(func, name, task, [f"{task}.{recipe}.{name}" for recipe in study.recipes]))
        parts.append(_album(task, study.recipes))
    return grid.joined([*parts, _analysis(study.tasks)])


def _frames(study: grid.Grid, task: str, recipe: str) -> dict[str, list[str]]:
    """What a recipe's runs left besides rows of the long table, by the name of the gathered frame."""
    runs = [f"{task}.{recipe}.{seed}" for seed in study.seeds]
    tuned = [name for name in study.precisions_of(recipe) if study.study.precisions[name].method == "qat"]
    detailed, mapped = (
        [cell.id for cell in chosen if (cell.task, cell.recipe) == (task, recipe)]
        for chosen in (study.detailed_cells, study.mapped_cells)
    )
    connected = study.precisions_of(recipe, among=study.detailed_precisions) if study.detailed_pairs else ()
    pairs = [f"{task}.{recipe}.{PAIRS}.{name}" for name in connected]
    frames = {"learning": [f"{source}.curves" for source in (*runs, *(f"{r}.{t}" for r, t in product(runs, tuned)))]}
    owned_by = {"mode_connectivity": pairs, "flip_map": mapped, "protection": mapped}
    for name in PICTURES:
        owners = owned_by.get(name, detailed)
        frames[f"{name}_pictures"] = [f"{owner}.{name}" for owner in owners]
    return frames


def _gather(func: Callable[..., pd.DataFrame], name: str, namespace: str, tables: list[str]) -> Pipeline:
    wires = {f"table_{number}": table for number, table in enumerate(tables)}
    node = Node(func, list(wires), name, name=f"gather_{name}", tags=GATHER)
    return grid.place(Pipeline([node]), namespace, inputs=wires)


def _album(task: str, recipes: Iterable[str]) -> Pipeline:
    """All pictures of a task in one table: one dataset that leaves its box, not one of every kind."""
    wires = {f"{name}_{n}": f"{task}.{recipe}.{name}_pictures" for name in PICTURES for n, recipe in enumerate(recipes)}
    told = {name: name for name in (*nodes.PREPARED, *wires)}
    node = Node(nodes.gather_pictures, told, "pictures", name="gather_pictures", tags=GATHER)
    return grid.place(Pipeline([node]), task, inputs=wires | {name: f"{task}.{name}" for name in nodes.PREPARED})


def _analysis(tasks: tuple[str, ...]) -> Pipeline:
    tables = {f"table_{number}": f"{task}.table" for number, task in enumerate(tasks)}
    frames = {f"{name}_{number}": f"{task}.{name}" for name in FRAMES for number, task in enumerate(tasks)}
    learning = {name: name for name in frames if name.startswith("learning_")}
    albums = {name: name for name in frames if name.startswith("pictures_")}
    told = {  # what the report is told -> where that lies
        "descriptions": "params:descriptions",
        "commands": "params:commands",
        "measurements": "measurements",
        "correlation_table": "correlations",
        "points": "prediction_points",
        "fits": "prediction_fits",
        "front": "pareto",
        "recommendation": "recommendation",
        "inputs": "inputs",
    }
    template = Pipeline(
        [
            Node(
                nodes.close_study,
                ["params:everything", "params:descriptions", *tables],
                "measurements",
                name="close_study",
                tags=GATHER,
            ),
            *(
                Node(
                    func,
                    {"tasks": "params:tasks"} | albums,
                    name,
                    name=f"gather_{name}",
                    tags=GATHER,
                )
                for func, name in ((nodes.gather_references, "references"), (nodes.gather_inputs, "inputs"))
            ),
            Node(nodes.correlate, ["measurements"], "correlations", name="correlate", tags=SUMMARY),
            Node(
                nodes.predict, ["measurements"], ["prediction_points", "prediction_fits"], name="predict", tags=SUMMARY
            ),
            Node(nodes.find_front, ["measurements"], ["pareto", "pareto_plot"], name="find_front", tags=SUMMARY),
            Node(
                nodes.choose,
                {
                    "requirements": "params:requirements",
                    "folder": "params:folder",
                    "measurements": "measurements",
                    "references": "references",
                }
                | learning,
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
                told | {name: name for name in frames},
                "report",
                name="report",
                tags=SUMMARY,
            ),
        ]
    )
    told_of = ("everything", "descriptions", "commands", "requirements", "folder", "tasks")
    parameters = {name: name for name in told_of}
    return grid.place(template, "summary", parameters=parameters, inputs=tables | frames)
