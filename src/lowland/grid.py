"""The axes of the study: parameters become tasks, runs and cells."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any

from kedro.framework.project import settings
from pydantic import BaseModel, ConfigDict

from lowland.config import Study, validate
from lowland.config_errors import SaysWhere
from lowland.config_loader import StudyConfigLoader
from lowland.measurements import Cell
from lowland.own_code import digest_of
from lowland.selection import RunSelection, SeedSelection, Selection
from lowland.tasks import TaskDescription, build_task

ROOT = Path(__file__).resolve().parents[2]


class Run(BaseModel):
    """One float training: a task, a recipe and one repetition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    recipe: str
    seed: str
    number: int

    @property
    def id(self) -> str:
        """The stable name ``task.recipe.seed``, also the run's namespace in the DAG."""
        return f"{self.task}.{self.recipe}.{self.seed}"


class CellGroup(BaseModel):
    """The cells of one task, recipe and precision in the order of the seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[Cell, ...]


class Grid:
    """The cross product of the axes of one validated study, less QAT where a recipe goes without.

    Attributes:
        study: The study.
        absent: Files of the user's that tasks do without because they are not there, by task.
    """

    def __init__(self, study: Study, *, absent: Mapping[str, Path] | None = None) -> None:
        self.study = study
        self.absent = dict(absent or {})
        self.tasks, self.recipes = tuple(study.tasks), tuple(study.recipes)
        self.seeds, self.precisions = tuple(study.seeds), tuple(study.precisions)

    def raw_table(self, task: str) -> str:
        """The dataset that a task is prepared from."""
        shipped = build_task(self.study.tasks[task]).provenance == "shipped"
        return f"{task}.raw" if shipped else f"{task}.imported"

    @cached_property
    def descriptions(self) -> dict[str, TaskDescription]:
        """What every task says of itself."""
        return {name: build_task(options).about for name, options in self.study.tasks.items()}

    @cached_property
    def own_code(self) -> dict[str, str]:
        """A digest of the user's packages that a task or its network lies in, by task; empty where there are none."""
        return {name: digest_of(options.own_code) for name, options in self.study.tasks.items()}

    @cached_property
    def configurations(self) -> list[tuple[str, str]]:
        """All (task, recipe)."""
        return list(product(self.tasks, self.recipes))

    def precisions_of(self, recipe: str, *, among: Sequence[str] | None = None) -> tuple[str, ...]:
        """The precisions at which a recipe is deployed, in the order of the axis: not all recipes need have QAT.

        Args:
            recipe: Its name.
            among: Precisions to choose from; all without it.
        """
        tuned = self.study.qat_recipes == "all" or recipe in self.study.qat_recipes
        names = self.precisions if among is None else among
        return tuple(name for name in names if tuned or self.study.precisions[name].method != "qat")

    @cached_property
    def groups(self) -> list[tuple[str, str, str]]:
        """All (task, recipe, precision) that have cells."""
        return [(task, recipe, name) for task, recipe in self.configurations for name in self.precisions_of(recipe)]

    @cached_property
    def runs(self) -> list[Run]:
        """All float trainings."""
        return [
            Run(task=task, recipe=recipe, seed=seed, number=self.study.seeds[seed])
            for task, recipe, seed in product(self.tasks, self.recipes, self.seeds)
        ]

    @cached_property
    def cells(self) -> list[Cell]:
        """All deployable models."""
        return [
            self._cell(run.task, run.recipe, run.seed, precision)
            for run in self.runs
            for precision in self.precisions_of(run.recipe)
        ]

    def selected_precisions(self, selection: str = "", *, methods: Sequence[str] = ()) -> tuple[str, ...]:
        """The precisions at which something is done, in the order of the axis.

        Args:
            selection: The parameter with a selection that says so; all without it.
            methods: What the selection chooses from; precisions of any method without it.
        """
        axis = [name for name, each in self.study.precisions.items() if not methods or each.method in methods]
        return self._selection(selection).of(axis) if selection else tuple(axis)

    def selected_recipes(self, selection: str) -> tuple[str, ...]:
        """The recipes of which students are made, in the order of the axis.

        Args:
            selection: The parameter with a selection of runs that says so.
        """
        chosen: RunSelection = getattr(self.study, selection)
        return chosen.of(self.recipes)

    def selected_seeds(self, selection: str) -> tuple[str, ...]:
        """The seeds of which something is done once a precision.

        Args:
            selection: The parameter with a selection that says so.
        """
        chosen: SeedSelection = getattr(self.study, selection)
        return self.seeds[: _count(chosen.seeds)]

    def selected_pairs(self, selection: str = "") -> list[tuple[str, str]]:
        """The pairs of seeds between which something is measured.

        Args:
            selection: The parameter with ``pairs`` that says how many; all without it.
        """
        asked = getattr(self._selection(selection), "pairs", "all") if selection else "all"
        return list(combinations(self.seeds, 2))[: _count(asked)]

    def _selection(self, parameter: str) -> Selection:
        selection: Selection = getattr(self.study, parameter)
        return selection

    def _cell(self, task: str, recipe: str, seed: str, precision: str) -> Cell:
        options = self.study.precisions[precision].model_dump(include={"method", "weight_bits", "activation_bits"})
        return Cell(task=task, recipe=recipe, seed=seed, precision=precision, **options)

    def added_parameters(self, *, commands: Sequence[str] = (), folder: str = "data") -> dict[str, Any]:
        """Parameters that tell every node which run, cell or group of cells it works on; see also ``parameters_of``.

        Args:
            commands: What a reader of the report types to make it again.
            folder: Of the study's data, relative to the project.
        """
        added: dict[str, Any] = {"runs": {}, "cells": {}, "groups": {}}
        added["faults"] = self.study.faults.model_dump(mode="json")  # their encoding is asked for where all are off too
        added["tasks"] = {name: options.model_dump(mode="json") for name, options in self.study.tasks.items()}
        added["descriptions"] = {name: about.model_dump(mode="json") for name, about in self.descriptions.items()}
        added["commands"] = list(commands)
        added["folder"] = folder
        for run in self.runs:
            _put(added["runs"], run.id, run.model_dump())
        for cell in self.cells:
            _put(added["cells"], cell.id, cell.model_dump())
        for task, recipe, precision in self.groups:
            cells = [self._cell(task, recipe, seed, precision).model_dump() for seed in self.seeds]
            _put(added["groups"], f"{task}.{recipe}.{precision}", {"cells": cells})
        return added


def _count(chosen: int | str) -> int | None:
    """How many of a list: a slice's end."""
    return None if isinstance(chosen, str) else chosen


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *branches, leaf = dotted.split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
    tree[leaf] = value


def grid_of(raw: Mapping[str, Any], *, origins: SaysWhere | None = None) -> Grid:
    """The grid of parameters; which data are in use is decided here.

    Args:
        raw: The parameters as they were read.
        origins: Who gave which parameter, for messages.

    Raises:
        LowlandError: The parameters are wrong, a line for each mistake.
    """
    asked = validate(raw, origins=origins)
    tasks = {name: options.resolved(ROOT) for name, options in asked.tasks.items()}
    absent = {}
    for name, options in tasks.items():
        wanted, used = (getattr(each.root, "path", None) for each in (asked.tasks[name], options))
        if wanted is not None and used is None:
            absent[name] = wanted
    return Grid(asked.model_copy(update={"tasks": tasks}), absent=absent)


_current: Grid | None = None


def set_parameters(raw: Mapping[str, Any], *, origins: SaysWhere | None = None) -> Grid:
    """Makes this run's parameters the grid that pipelines are built from, see ``grid_of``."""
    global _current
    _current = grid_of(raw, origins=origins)
    return _current


def current() -> Grid:
    """The grid of this run; without a run (registry listing, tests) the grid of the default environment."""
    if _current is not None:
        return _current
    conf = str(ROOT / settings.CONF_SOURCE)
    loader = StudyConfigLoader(conf, env=os.environ.get("KEDRO_ENV"), **settings.CONFIG_LOADER_ARGS)
    return set_parameters(loader["parameters"], origins=loader.origins)
