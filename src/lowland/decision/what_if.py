"""What would be recommended if something else were asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from lowland.analysis.criteria import CLEAN, SIZE, Criterion
from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers, Subject, about, plain
from lowland.decision.quantities import better_end
from lowland.decision.requirements import Quantity, Requirement, Requirements
from lowland.vocabulary.measures import MEASURES

Change = Literal["dropped", "loosened", "tightened", "preferred"]
Reason = Literal["same", "nothing", "excluded", "admitted", "preferred"]
"""The same is recommended; nothing may be; the present choice no longer may be chosen; only then the other one may;
both may, and the preferences or who else competes decide for the other."""
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
        (whether that is what is recommended now), ``reason`` (why it is or is not), ``num_candidates``, ``num_tied``,
        the means of the ``score``, of the ``size`` and of what was changed (``value``), and ``misses``: the
        requirements as they were asked that it does not surely meet.
    """
    return [
        {**about(criterion), **change, **_outcome(Choice(choice.numbers, asked), choice, criterion)}
        for criterion, change, asked in _changes(requirements, choice.numbers)
    ]


def _changes(requirements: Requirements, numbers: Numbers) -> Iterator[tuple[Criterion, dict[str, Any], Requirements]]:
    """What is changed and how, and the requirements then."""
    for place, need in enumerate(requirements.needs):
        before, after = requirements.needs[:place], requirements.needs[place + 1 :]
        criterion = need.criterion(numbers.score)
        shared = {"parameter": f"needs[{place}]", "limit": need.limit}
        without = requirements.model_copy(update={"needs": (*before, *after)})
        yield criterion, shared | {"change": "dropped", "changed": None}, without
        for change, limit in _moved(need, criterion, numbers):
            moved = need.model_copy(update={need.side: limit})
            asked = requirements.model_copy(update={"needs": (*before, moved, *after)})
            yield criterion, shared | {"change": change, "changed": limit}, asked
    preferable = _preferable(requirements, numbers)
    first, *_ = preferable
    for name, quantity in preferable.items():
        if name != first:
            later = [q for q in requirements.prefer if q.criterion(numbers.score).name != name]
            asked = requirements.model_copy(update={"prefer": (quantity, *later)})
            first_of_all = {"parameter": "prefer", "limit": None, "change": "preferred", "changed": None}
            yield quantity.criterion(numbers.score), first_of_all, asked


def _preferable(requirements: Requirements, numbers: Numbers) -> dict[str, Quantity]:
    """What could be preferred, by its name: what is, the score, the size, and what is required and has a better end."""
    score = numbers.score
    needed = [Quantity(**need.model_dump(exclude={"at_least", "at_most"})) for need in requirements.needs]
    every = [*requirements.prefer, Quantity(), Quantity(measure=SIZE.measure), *needed]
    known: dict[str, Quantity] = {}
    for quantity in every:
        if better_end(score, quantity.named(score), quantity.condition) is not None:
            known.setdefault(quantity.criterion(score).name, quantity)
    return known


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


def _outcome(other: Choice, now: Choice, criterion: Criterion) -> dict[str, Any]:
    """What would be recommended, told on the other rows."""
    subject, numbers = other.subject, other.numbers
    shown = {CLEAN: numbers.clean, SIZE.name: SIZE, "value": criterion}
    means = {name: None if subject is None else _told(numbers, c, subject) for name, c in shown.items()}
    return {
        "outcome": other.outcome,
        "same": subject == now.subject,
        "reason": _reason(other, now),
        "num_candidates": len(other.candidates),
        "num_tied": 0 if subject is None else len(other.narrowed[0]) - 1,
        "recipe": None if subject is None else subject[1],
        "precision": None if subject is None else subject[2],
        **means,
        "misses": [] if subject is None else [p for p, _, _ in now.demands if not now.surely.loc[subject, p]],
    }


def _told(numbers: Numbers, criterion: Criterion, subject: Subject) -> float | None:
    """Its mean on the rows that are told."""
    return plain(numbers.of(criterion, reported=True).loc[subject, "mean"])


def _reason(other: Choice, now: Choice) -> Reason:
    """Why something else would be recommended, or not."""
    if other.subject is None:
        return "nothing"
    if other.subject == now.subject:
        return "same"
    if now.subject is not None and now.subject not in other.candidates:
        return "excluded"
    return "preferred" if other.subject in now.candidates else "admitted"
