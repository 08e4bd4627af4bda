"""What would be recommended if something else were asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from lowland.analysis.criteria import CLEAN, SIZE, Criterion
from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers, about, plain
from lowland.decision.requirements import Quantity, Requirement, Requirements
from lowland.vocabulary.measures import MEASURES

Change = Literal["dropped", "loosened", "tightened", "preferred"]
POINTS = 0.02
"""By how much a limit on a share is moved."""
PART = 0.1
"""By how much of itself any other limit is moved."""
FACTOR = 2.0
"""By how much limits on what a network costs are multiplied or divided."""


def what_if(choice: Choice, requirements: Requirements) -> list[dict[str, Any]]:
    """The recommendation under other requirements: each one dropped, loosened and tightened, other preferences first.

    Limits on shares move by two points, those on sizes and operations by a factor of two, all others by a tenth of
    themselves. Everything is chosen on the rows that choose, as the recommendation is, and told on the others.

    Args:
        choice: What was recommended.
        requirements: What was asked.

    Returns:
        One entry a change: ``change``, ``parameter`` and what it is about, ``limit`` and ``changed`` (the limits; None
        where there is none), ``outcome``, ``recipe``, ``precision`` (None where nothing may be chosen), ``same``
        (whether that is what is recommended now), ``num_candidates``, ``num_tied`` and the means of the ``score`` and
        the ``size``.
    """
    return [
        {**change, **_outcome(Choice(choice.numbers, asked), choice)}
        for change, asked in _changes(requirements, choice.numbers)
    ]


def _changes(requirements: Requirements, numbers: Numbers) -> Iterator[tuple[dict[str, Any], Requirements]]:
    """What is changed, and the requirements then."""
    for place, need in enumerate(requirements.needs):
        others = [*requirements.needs[:place], *requirements.needs[place + 1 :]]
        criterion = need.criterion(numbers.score)
        shared = {"parameter": f"needs[{place}]", **about(criterion), "limit": need.limit}
        yield shared | {"change": "dropped", "changed": None}, requirements.model_copy(update={"needs": tuple(others)})
        for change, limit in _moved(need, criterion, numbers):
            moved = need.model_copy(update={need.side: limit})
            needs = (*requirements.needs[:place], moved, *requirements.needs[place + 1 :])
            yield shared | {"change": change, "changed": limit}, requirements.model_copy(update={"needs": needs})
    first = requirements.prefer[0].criterion(numbers.score).name
    for quantity in _quantities(requirements):
        criterion = quantity.criterion(numbers.score)
        if criterion.name != first:
            later = [q for q in requirements.prefer if q.criterion(numbers.score).name != criterion.name]
            shared = {"parameter": "prefer", **about(criterion), "limit": None, "changed": None}
            asked = requirements.model_copy(update={"prefer": (quantity, *later)})
            yield shared | {"change": "preferred"}, asked


def _quantities(requirements: Requirements) -> list[Quantity]:
    """What could be preferred: all that is, score and size, and what is required."""
    needed = [Quantity(**need.model_dump(exclude={"at_least", "at_most"})) for need in requirements.needs]
    return list(dict.fromkeys([*requirements.prefer, Quantity(), Quantity(measure=SIZE.measure), *needed]))


def _moved(need: Requirement, criterion: Criterion, numbers: Numbers) -> Iterator[tuple[Change, float]]:
    """The limit on either side of the one that was asked, looser first."""
    score = numbers.score
    is_share = score.is_share if criterion.measure == score.name else MEASURES[criterion.measure].is_rate
    costs = criterion.family == "cost"
    changes: tuple[tuple[Change, int], ...] = (("loosened", -1), ("tightened", 1))
    for change, direction in changes:
        up = direction * (1 if need.side == "at_least" else -1)
        if is_share:
            limit = round(min(1.0, max(0.0, need.limit + up * POINTS)), 12)
        else:
            limit = need.limit * FACTOR**up if costs else need.limit + up * PART * abs(need.limit)
        if limit != need.limit:
            yield change, limit


def _outcome(other: Choice, now: Choice) -> dict[str, Any]:
    """What would be recommended, told on the other rows."""
    subject, numbers = other.subject, other.numbers
    entry: dict[str, Any] = {
        "outcome": other.outcome,
        "same": subject == now.subject,
        "num_candidates": len(other.candidates),
        "num_tied": 0,
        "recipe": None,
        "precision": None,
        CLEAN: None,
        SIZE.name: None,
    }
    if subject is None:
        return entry
    told = {
        CLEAN: numbers.of(numbers.clean, reported=True),
        SIZE.name: numbers.of(SIZE, reported=True),
    }
    return entry | {
        "num_tied": len(other.narrowed[0]) - 1,
        "recipe": subject[1],
        "precision": subject[2],
        **{name: plain(table.loc[subject, "mean"]) for name, table in told.items()},
    }
