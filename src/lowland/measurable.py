"""What a study will measure of a task's networks, before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from lowland.scores import deterioration
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.measures import MEASURES
from lowland.vocabulary.planned import Planned, Plans

if TYPE_CHECKING:
    from lowland.tasks import Task

HALF_LIFE = "half_life"


def measurable(options: Iterable[object], task: Task) -> tuple[Planned, ...]:
    """All measures of the long table that are of one cell, each with its condition, target and levels.

    Args:
        options: Parts of a study; those that are ``Plans`` say under which conditions and at which levels.
        task: Says what its score is, which sets are shifted and of which kind its inputs are.
    """
    asked = [plan for part in (task, *options) if isinstance(part, Plans) for plan in part.planned()]
    met = [plan for plan in asked if condition_named(plan.condition).applies_to(task.input_kind)]
    return tuple(one for plan in met for one in _with_measures(plan, task.score_name))


def _with_measures(plan: Planned, score: str) -> Iterator[Planned]:
    """The same with the measures that are taken under every condition of its family by name."""
    if plan.measures:
        yield plan
        return
    of_task = (score, deterioration(score))
    names = tuple(
        name
        for name, measure in MEASURES.items()
        if plan.family in measure.families and not measure.selected and (not measure.of_task or name in of_task)
    )
    yield replace(plan, measures=tuple(name for name in names if name != HALF_LIFE))
    least = 2 if condition_named(plan.condition).falls else 1  # no disturbance is a level too, save where levels fall
    if HALF_LIFE in names and len(plan.levels) >= least:
        yield replace(plan, measures=(HALF_LIFE,), levels=())
