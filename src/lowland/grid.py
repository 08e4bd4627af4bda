"""The axes of the study: parameters become tasks, runs and cells, and templates find their place in the DAG."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any

from kedro.framework.project import settings
from kedro.pipeline import Pipeline
from pydantic import BaseModel, ConfigDict

from lowland.config import Study, validate
from lowland.config_errors import SaysWhere
from lowland.config_loader import StudyConfigLoader
from lowland.measurements import Cell, Family
from lowland.selection import Selection
from lowland.tasks import Readings, build_task

ROOT = Path(__file__).resolve().parents[2]
FAMILIES: tuple[Family, ...] = ("performance", "cost", "landscape", "noise", "bit_flip")  # of every cell


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


class Everything(BaseModel):
    """What a whole study measures: all cells, those with pictures or maps of flips, and the connected pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[Cell, ...]
    detailed: tuple[Cell, ...]
    mapped: tuple[Cell, ...]
    connected: tuple[tuple[Cell, Cell], ...]
    families: tuple[Family, ...]


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

    @property
    def detailed_precisions(self) -> tuple[str, ...]:
        """Precisions whose landscapes are pictured, in the order of the axis."""
        return self.study.landscape_detail.of(self.precisions)

    @cached_property
    def detailed_cells(self) -> list[Cell]:
        """Cells whose spectral density and loss surface are taken."""
        return self._selected_cells(self.study.landscape_detail, self.detailed_precisions)

    @cached_property
    def mapped_cells(self) -> list[Cell]:
        """Cells whose every single bit flip is measured: float networks have no codes."""
        return self._selected_cells(self.study.flip_map, self.study.flip_map.of(self.study.deployed))

    @property
    def detailed_pairs(self) -> list[tuple[str, str]]:
        """Pairs of seeds between which mode connectivity is measured."""
        return list(combinations(self.seeds, 2))[: _count(self.study.landscape_detail.pairs)]

    @property
    def connected_cells(self) -> list[tuple[Cell, Cell]]:
        """Pairs of cells between which mode connectivity is measured."""
        return [
            (self._cell(task, recipe, first, precision), self._cell(task, recipe, second, precision))
            for task, recipe in self.configurations
            for precision in self.precisions_of(recipe, among=self.detailed_precisions)
            for first, second in self.detailed_pairs
        ]

    def _selected_cells(self, selection: Selection, precisions: Sequence[str]) -> list[Cell]:
        seeds = self.seeds[: _count(selection.seeds)]
        return [cell for cell in self.cells if cell.seed in seeds and cell.precision in precisions]

    def _cell(self, task: str, recipe: str, seed: str, precision: str) -> Cell:
        options = self.study.precisions[precision].model_dump(include={"method", "weight_bits", "activation_bits"})
        return Cell(task=task, recipe=recipe, seed=seed, precision=precision, **options)

    def added_parameters(self, *, commands: Sequence[str] = (), folder: str = "data") -> dict[str, Any]:
        """Parameters that tell every node which run, cell or group of cells it works on.

        Args:
            commands: What a reader of the report types to make it again.
            folder: Of the study's data, relative to the project.
        """
        everything = {
            name: [cell.model_dump() for cell in cells]
            for name, cells in (("cells", self.cells), ("detailed", self.detailed_cells), ("mapped", self.mapped_cells))
        } | {
            "connected": [(a.model_dump(), b.model_dump()) for a, b in self.connected_cells],
            "families": [*FAMILIES, *(["adversarial"] if self.study.attacks.kinds else [])],
        }
        added: dict[str, Any] = {"runs": {}, "cells": {}, "groups": {}, "everything": everything}
        tasks = {name: build_task(options) for name, options in self.study.tasks.items()}
        added["faults"] = self.study.faults.model_dump(mode="json")  # their encoding is asked for where all are off too
        added["tasks"] = {name: options.model_dump(mode="json") for name, options in self.study.tasks.items()}
        added["descriptions"] = {name: task.description for name, task in tasks.items()}
        added["readings"] = {name: _told(task.readings) for name, task in tasks.items()}
        added["shifted_sets"] = {name: list(task.shifted_sets) for name, task in tasks.items()}
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


def _told(readings: Readings) -> dict[str, Any]:
    """What the report says of a task's sensors; infinite limits have no number in JSON."""
    limits = [end if math.isfinite(end) else None for end in readings.limits]
    return {**readings._asdict(), "limits": limits}


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *branches, leaf = dotted.split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
    tree[leaf] = value


_current: Grid | None = None


def set_parameters(raw: Mapping[str, Any], *, origins: SaysWhere | None = None) -> Grid:
    """Makes this run's parameters the grid that pipelines are built from; which data are in use is decided here.

    Args:
        raw: The parameters as they were read.
        origins: Who gave which parameter, for messages.

    Raises:
        LowlandError: The parameters are wrong, a line for each mistake.
    """
    global _current
    asked = validate(raw, origins=origins)
    tasks = {name: options.settled(ROOT) for name, options in asked.tasks.items()}
    absent = {}
    for name, options in tasks.items():
        wanted, used = (getattr(each.root, "path", None) for each in (asked.tasks[name], options))
        if wanted is not None and used is None:
            absent[name] = wanted
    _current = Grid(asked.model_copy(update={"tasks": tasks}), absent=absent)
    return _current


def current() -> Grid:
    """The grid of this run; without a run (registry listing, tests) the grid of the default environment."""
    if _current is not None:
        return _current
    loader = _loader()
    raw = loader["parameters"]
    return set_parameters(raw, origins=loader.origins)


def default_parameters() -> dict[str, Any]:
    """The parameters as Kedro reads them from the project's ``conf`` folder (and ``KEDRO_ENV``)."""
    return dict(_loader()["parameters"])


def _loader() -> StudyConfigLoader:
    conf = str(ROOT / settings.CONF_SOURCE)
    return StudyConfigLoader(conf, env=os.environ.get("KEDRO_ENV"), **settings.CONFIG_LOADER_ARGS)


def place(
    template: Pipeline, namespace: str, *, parameters: Mapping[str, str] | None = None, inputs: Mapping[str, str]
) -> Pipeline:
    """A copy of a template in a namespace, its parameters and outer inputs wired.

    Args:
        template: Nodes with plain names.
        namespace: Dotted; prefixes the template's nodes and the datasets it makes.
        parameters: The template's ``params:key`` to the study's ``params:value``.
        inputs: The template's input datasets to datasets of the study.
    """
    wires = {f"params:{key}": f"params:{value}" for key, value in (parameters or {}).items()}
    return Pipeline([template], namespace=namespace, inputs=dict(inputs), parameters=wires)


def joined(parts: Iterable[Pipeline]) -> Pipeline:
    """One pipeline of many parts."""
    return Pipeline(list(parts))
