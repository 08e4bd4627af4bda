"""What a complete study has measured, as its stages declare it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from lowland.completeness import Expected
from lowland.measurements import Cell, Family, student_cell
from lowland.placing import Place, chosen_places, holds
from lowland.stages import NodeTemplate, Stage, all_stages

if TYPE_CHECKING:
    from lowland.grid import Grid


class ExpectedRows(BaseModel):
    """One measure that was to be taken on some cells, or between some pairs of them.

    Attributes:
        family: Of the rows.
        measure: Which, or ``all``: any that is taken on every cell.
        cells: Ids; of a pair the cell that the rows are of.
        references: Ids of the other cells of pairs; empty where there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Family
    measure: str
    cells: tuple[str, ...]
    references: tuple[str, ...] = ()


class Everything(BaseModel):
    """All cells of a study, students among them, and what was to be measured on them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[Cell, ...]
    rows: tuple[ExpectedRows, ...]

    def expected(self) -> Iterator[Expected]:
        """Everything, cell by cell."""
        cells = {cell.id: cell for cell in self.cells}
        for wanted in self.rows:
            references = wanted.references or ("",) * len(wanted.cells)
            for cell, reference in zip(wanted.cells, references, strict=True):
                yield Expected(cells[cell], wanted.family, wanted.measure, reference)


def everything(stages: Iterable[Stage], study: Grid) -> dict[str, Any]:
    """The parameter that tells what a complete study holds; see ``Everything``.

    Args:
        stages: All.
        study: Gives the axes and the options.
    """
    found = []
    cells_of_study = {cell.id: cell for cell in study.cells}
    for template in (template for stage in stages for template in stage.nodes if template.expects):
        places = chosen_places(template, study)
        if template.level == "students":
            cells_of_study |= {each.namespace: student_cell(each.task, each.recipe, each.seed) for each in places}
        for wanted in template.expects:
            here = [place for place in places if holds(wanted.where, place, study)]
            cells, references = _between(template, here, study)
            rows = {"family": wanted.family, "measure": wanted.measure, "cells": cells, "references": references}
            found.append(rows)
    return {"cells": [cell.model_dump() for cell in cells_of_study.values()], "rows": found}


def parameters_of(study: Grid, *, commands: Sequence[str] = (), folder: str = "data") -> dict[str, Any]:
    """All parameters that nodes have from the grid: what each works on, and what a complete study holds.

    Args:
        study: Gives the axes and the options.
        commands: What a reader of the report types to make it again.
        folder: Of the study's data, relative to the project.
    """
    added = study.added_parameters(commands=commands, folder=folder)
    return added | {"everything": everything(all_stages(), study)}


def _between(template: NodeTemplate, places: Iterable[Place], study: Grid) -> tuple[list[str], list[str]]:
    """Ids of the cells at the places, and those of the other cells of pairs."""
    if template.level != "group":
        return [place.namespace for place in places], []
    pairs = [
        tuple(replace(place, seed=seed).namespace for seed in pair)
        for place in places
        for pair in study.selected_pairs(template.selection)
    ]
    return [first for first, _ in pairs], [last for _, last in pairs]
