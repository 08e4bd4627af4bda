"""From the tables of all cells to the report."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pandas as pd
import plotly.graph_objects as go

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.grid import Everything
from lowland.measurements import Expected, checked, complete, stack
from lowland.summary.correlation import correlations
from lowland.summary.figures import correlation_heatmap, pareto_figure, score_curves
from lowland.summary.headline import headline
from lowland.summary.pareto import pareto
from lowland.summary.prediction import prediction_fits
from lowland.summary.prediction_points import prediction_points
from lowland.summary.recommendation import recommend
from lowland.summary.report import render_report
from lowland.summary.requirements import TaskRequirements
from lowland.summary.splits import on_split
from lowland.summary.style import Style
from lowland.tasks.description import TaskDescriptions

PREPARED = ("references", "inputs")  # what is known of a task before any training
FACTS = "facts"  # where the pictures of a task tell it


def gather(*tables: pd.DataFrame | None) -> pd.DataFrame:
    """The children's tables on top of each other; a child that left nothing is passed over here and told later."""
    return stack(tables)


def gather_frames(*frames: pd.DataFrame | None) -> pd.DataFrame:
    """Learning curves or pictures on top of each other."""
    present = [frame for frame in frames if frame is not None and len(frame)]
    return pd.concat(present, ignore_index=True) if present else pd.DataFrame()


def gather_references(tasks: dict[str, Any], **frames: pd.DataFrame | None) -> pd.DataFrame:
    """The guess and the reference models of all tasks in one table, with the column ``task``.

    Args:
        tasks: By name.
        frames: ``pictures_<number of the task>``, which hold them as facts.
    """
    columns = ["task", "name", "label", "score", "standard_error", "num_samples"]
    named = {task: _facts(frames.get(f"pictures_{number}"), "references") for number, task in enumerate(tasks)}
    found = gather_frames(*(pd.DataFrame(facts).assign(task=task) for task, facts in named.items() if facts))
    return found.reindex(columns=columns)


def gather_inputs(tasks: dict[str, Any], **frames: pd.DataFrame | None) -> dict[str, Any]:
    """What every task's table held and what of it was used; tasks that are no table have no entry.

    Args:
        tasks: By name.
        frames: ``pictures_<number of the task>``, which hold it as facts.
    """
    named = {task: _facts(frames.get(f"pictures_{number}"), "inputs") for number, task in enumerate(tasks)}
    return {task: known["listing"] for task, known in named.items() if known and known.get("listing")}


def _facts(album: pd.DataFrame | None, kind: str) -> dict[str, Any] | None:
    """What a task's pictures say of it before any training."""
    if album is None or FACTS not in album:
        return None
    rows = album[album.picture == kind]
    return dict(json.loads(rows[FACTS].iloc[0])) if len(rows) else None


def gather_pictures(
    references: pd.DataFrame | None, inputs: dict[str, Any] | None, **frames: pd.DataFrame | None
) -> pd.DataFrame:
    """Pictures of all kinds in one table: the column ``picture`` says which, columns that a kind lacks are empty.

    What is known of the task before any training comes along, as a text of JSON in the column ``facts``: one table
    leaves the task's box, so that the graph stays readable.

    Args:
        references: Scores of the guess and the reference models.
        inputs: What the networks are given.
        frames: ``<kind>_<number>``.
    """
    known = {"references": None if references is None else references.to_dict("list"), "inputs": inputs}
    facts = [
        pd.DataFrame({"picture": [kind], FACTS: [json.dumps(said)]}) for kind, said in known.items() if said is not None
    ]
    pictures = (frame.assign(picture=name.rpartition("_")[0]) for name, frame in frames.items() if frame is not None)
    return gather_frames(*pictures, *facts)


def close_study(
    everything: Everything, descriptions: TaskDescriptions, *tables: pd.DataFrame | None
) -> pd.DataFrame:
    """The long table, with a ``failed`` row for whatever left no result."""
    expected = [Expected(cell, family) for cell in everything.cells for family in everything.families]
    expected += [Expected(cell, "shift") for cell in everything.cells if descriptions.root[cell.task].shifted_sets]
    expected += [Expected(cell, "landscape", "negative_spectral_mass") for cell in everything.detailed]
    expected += [Expected(cell, "bit_flip", "bit_error_slope") for cell in everything.mapped]
    expected += [Expected(a, "landscape", "mode_connectivity", b.id) for a, b in everything.connected]
    expected += [
        Expected(a, "landscape", "cka", b.id)
        for a, b in combinations(everything.cells, 2)
        if (a.task, a.recipe, a.precision) == (b.task, b.recipe, b.precision)
    ]
    return checked(complete(stack(tables), expected))


def correlate(measurements: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of landscape measures and baselines with robustness."""
    return correlations(on_split(measurements, "test"))


def predict(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predicted against measured loss rises, and how well the prediction fits."""
    points = prediction_points(on_split(measurements, "test"))
    return points, prediction_fits(points)


def find_front(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Pareto front of score, size and robustness; once more, rounded, for DVC's plots."""
    front = pareto(on_split(measurements, "selection"), reported=on_split(measurements, "test"))
    return front, front.round(6)


def choose(
    requirements: TaskRequirements,
    folder: str,
    measurements: pd.DataFrame,
    references: pd.DataFrame,
    **learning: pd.DataFrame | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recommendation, and its few numbers for DVC's metrics; ``learning`` are the learning curves by task."""
    curves = gather_frames(*learning.values())
    told = on_split(measurements, "test")
    recommendation = recommend(
        on_split(measurements, "selection"),
        requirements,
        reported=told,
        references=references,
        learning_curves=curves,
        folder=folder,
    )
    return recommendation, headline(recommendation, told)


def draw(
    measurements: pd.DataFrame, correlation_table: pd.DataFrame, front: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure]:
    """The score under bit errors, the front and the correlations of the first task, as kedro-viz previews.

    The first task with a result; where none has any, the figures say so.
    """
    told = on_split(measurements, "test")
    alive = told[told.status == "ok"]
    task = (alive if len(alive) else told)["task"].iloc[0]
    rows = told[told.task == task]
    style = Style.of(rows)
    return (
        score_curves(rows, condition="bit_error_rate", style=style),
        pareto_figure(front[front.task == task], style=style),
        correlation_heatmap(correlation_table[correlation_table.task == task]),
    )


def report(
    descriptions: TaskDescriptions,
    commands: list[str],
    measurements: pd.DataFrame,
    correlation_table: pd.DataFrame,
    points: pd.DataFrame,
    fits: pd.DataFrame,
    front: pd.DataFrame,
    recommendation: dict[str, Any],
    inputs: dict[str, Any],
    **frames: pd.DataFrame | None,
) -> str:
    """The page; ``frames`` are what recipes left besides rows, named ``<kind>_<number of the task>``."""
    kinds = dict.fromkeys(name.rpartition("_")[0] for name in frames)
    gathered = {
        kind: gather_frames(*(frame for name, frame in frames.items() if name.rpartition("_")[0] == kind))
        for kind in kinds
    }
    album = gathered["pictures"]
    drawn = album[~album.picture.isin(PREPARED)].drop(columns=FACTS, errors="ignore") if len(album) else album
    pictures = dict(iter(drawn.groupby("picture", sort=False))) if len(drawn) else {}
    return render_report(
        on_split(measurements, "test"),
        correlations=correlation_table,
        predictions=points,
        prediction_fits=fits,
        pareto=front,
        recommendation=recommendation,
        listings=inputs,
        learning_curves=gathered["learning"],
        pictures=pictures,
        task_descriptions={task: about.text for task, about in descriptions.root.items()},
        readings={task: about.readings.model_dump(mode="json") for task, about in descriptions.root.items()},
        commands=commands,
    )
