"""What the page is made of: measurements, the tables made of them, the recommendation and facts, frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from lowland.analysis.grid_size import GridSize, grid_size
from lowland.measurements import IMPORTED
from lowland.report.style import Style


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What was made of the long table, and what stands beside it; every table has a column ``task``.

    Attributes:
        correlations: From ``correlations``.
        predictions: From ``prediction_points``.
        prediction_fits: From ``prediction_fits``.
        pareto: From ``pareto``.
        policy_warnings: From ``policy_warnings``; may be empty.
        hypervolume: From ``hypervolume_changes``; may be empty.
        learning_curves: ``task, recipe, seed, precision, epoch, validation_loss``; may be empty.
        pictures: A key of ``figures.PICTURES`` -> its table; a kind may be missing or empty.
    """

    correlations: pd.DataFrame
    predictions: pd.DataFrame
    prediction_fits: pd.DataFrame
    pareto: pd.DataFrame
    policy_warnings: pd.DataFrame = field(default_factory=pd.DataFrame)
    hypervolume: pd.DataFrame = field(default_factory=pd.DataFrame)
    learning_curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    pictures: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def of(self, task: str) -> Tables:
        """The same of one task."""
        names = (
            "correlations",
            "predictions",
            "prediction_fits",
            "pareto",
            "policy_warnings",
            "hypervolume",
            "learning_curves",
        )
        parts = {name: _of(getattr(self, name), task) for name in names}
        return replace(self, **parts, pictures={kind: _of(table, task) for kind, table in self.pictures.items()})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a task without measuring.

    Attributes:
        description: A sentence on its data and network; may be empty.
        readings: ``unit``, ``extremes`` and ``limits`` of its sensors, if it has its own.
        listing: What its own table held and what of it was used; None for tasks that are no table.
    """

    description: str = ""
    readings: Mapping[str, Any] = field(default_factory=dict)
    listing: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class TaskInputs:
    """What the page is made of, of one task.

    Attributes:
        name: Of the task.
        measurements: Its rows of the long table about cells and pairs of them, those that are reported.
        selection: The same of the rows that choose.
        students: Its rows of the long table about students, which have no precision; may be empty.
        tables: Those of the task.
        recommendation: The task's part of it.
        facts: About the task.
    """

    name: str
    measurements: pd.DataFrame
    selection: pd.DataFrame
    students: pd.DataFrame
    tables: Tables
    recommendation: Mapping[str, Any]
    facts: Facts

    @cached_property
    def style(self) -> Style:
        """Colours and markers of its precisions and recipes."""
        return Style.of(self.measurements)

    @cached_property
    def size(self) -> GridSize:
        """How much was planned and measured."""
        return grid_size(self.measurements)

    @property
    def subject(self) -> Mapping[str, Any] | None:
        """The configuration that the page is about: the chosen, else the nearest, else the best one."""
        found = self.recommendation
        return found["chosen"] or found["nearest"] or found["best"]

    @property
    def recipe(self) -> str | None:
        """The recipe of that configuration, which figures show first."""
        return str(self.subject["recipe"]) if self.subject else None

    def subject_among(self, recipes: Iterable[str], precisions: Iterable[str]) -> tuple[str, str]:
        """That configuration, if it is among some; else the first precision of its recipe, or of any, that is.

        Args:
            recipes: Of the configurations, one at least.
            precisions: Of the same.
        """
        pairs = list(dict.fromkeys(zip(map(str, recipes), map(str, precisions), strict=True)))
        subject = self.subject or {}
        asked = (subject.get("recipe"), subject.get("precision"))
        order = {name: number for number, name in enumerate(self.style.precisions)}
        return min(pairs, key=lambda pair: (pair != asked, pair[0] != asked[0], order[pair[1]]))

    def picture(self, kind: str) -> pd.DataFrame:
        """The table of one kind of picture; empty where there is none."""
        return self.tables.pictures.get(kind, pd.DataFrame())


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """All that the page is made of.

    Attributes:
        measurements: The long table, of the rows that are reported (``on_split``).
        tables: Those of all tasks.
        recommendation: From ``recommend``.
        facts: By task; a task may be missing.
        commands: What to type to get the page again.
        selection: The long table, of the rows that choose (``on_split``): what the page itself calls toughest is chosen
            on these. None: the same rows.
    """

    measurements: pd.DataFrame
    tables: Tables
    recommendation: Mapping[str, Any]
    facts: Mapping[str, Facts] = field(default_factory=dict)
    commands: Sequence[str] = ("make run",)
    selection: pd.DataFrame | None = None

    @cached_property
    def tasks(self) -> tuple[TaskInputs, ...]:
        """The same task by task, in the order of the long table."""
        return tuple(
            TaskInputs(
                name=str(task),
                measurements=rows[rows.precision != ""],
                selection=_of(self.measurements if self.selection is None else self.selection, str(task)).query(
                    "precision != ''"
                ),
                students=rows[rows.precision == ""],
                tables=self.tables.of(str(task)),
                recommendation=self.recommendation["tasks"][task],
                facts=self.facts.get(str(task), Facts()),
            )
            for task, rows in self.measurements.groupby("task", sort=False)
        )

    @cached_property
    def size(self) -> GridSize:
        """How much was planned and measured of all tasks."""
        return grid_size(self.measurements)

    @cached_property
    def imported(self) -> bool:
        """Whether its networks come from outside: nothing was trained, and there is nothing to choose between."""
        return bool(self.measurements.method.eq(IMPORTED).all())

    @property
    def quality(self) -> str:
        """What the tasks are judged by, where all are by the same."""
        labels = {task.style.score.label for task in self.tasks}
        return labels.pop() if len(labels) == 1 else "score"


def _of(table: pd.DataFrame, task: str) -> pd.DataFrame:
    return table[table["task"] == task] if len(table) else table
