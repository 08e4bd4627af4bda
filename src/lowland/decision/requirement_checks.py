"""Requirements against what a study will measure, before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lowland.analysis.criteria import CLEAN
from lowland.analysis.score import Score
from lowland.decision.quantities import better_end
from lowland.decision.requirements import MEAN, Quantity, Requirement, Requirements
from lowland.errors import did_you_mean
from lowland.selection import Misfit
from lowland.vocabulary.measures import MEASURES, SELECTED
from lowland.vocabulary.planned import Planned
from lowland.vocabulary.targets import TARGETS


def unmeasurable(requirements: Requirements, *, planned: Sequence[Planned], score: Score) -> Iterator[Misfit]:
    """Requirements and preferences that cannot be met or are about what is not measured, each with its first mistake.

    Args:
        requirements: Of one task.
        planned: What will be measured of its networks.
        score: Of the task.

    Yields:
        The option within the task's requirements, and what came and what was expected.
    """
    first: dict[tuple[Quantity, str], str] = {}
    told: set[Quantity] = set()
    for where, need in ((f"needs[{i}]", need) for i, need in enumerate(requirements.needs)):
        about = _about(need, score)
        same = first.setdefault((about, need.side), where)
        mistake = _not_taken(need, planned, score)
        if mistake is not None:
            told.add(about)
        elif same != where:
            mistake = "", f"sets a second {need.side} for what {same} is about; expected one"
        else:
            mistake = _impossible(need, score)
        if mistake is not None:
            option, what = mistake
            yield ".".join(filter(None, (where, option))), what
    for where, quantity in ((f"prefer[{i}]", quantity) for i, quantity in enumerate(requirements.prefer)):
        if _about(quantity, score) in told:
            continue
        mistake = _not_taken(quantity, planned, score)
        if mistake is not None:
            option, what = mistake
            yield f"{where}.{option}", what
        elif better_end(score, quantity.named(score), quantity.condition) is None:
            yield f"{where}.measure", f"is {quantity.measure!r}, neither end of which is better; expected one that has"


def _about(quantity: Quantity, score: Score) -> Quantity:
    """A quantity without its limit, the score by its own name."""
    measure, condition, target = quantity.named(score), quantity.condition, quantity.target
    return Quantity.model_construct(
        measure=measure, condition=condition, target=target, level=quantity.level, mixture=quantity.mixture
    )


def _not_taken(quantity: Quantity, planned: Sequence[Planned], score: Score) -> Misfit | None:
    """The first part of a quantity that the study does not have."""
    for i, part in enumerate(quantity.mixture):
        alone = Quantity(measure=quantity.measure, **part.circumstance.model_dump())
        if (mistake := _not_taken(alone, planned, score)) is not None:
            option, what = mistake
            return ("measure" if option == "measure" else f"mixture[{i}].{option}"), what
    if quantity.mixture:
        return None
    measure = quantity.named(score)
    of_measure = [plan for plan in planned if measure in plan.measures]
    if not of_measure:
        return "measure", f"is {quantity.measure!r}{_why(measure)}; {_measures(quantity, planned, score)}"
    under = [plan for plan in of_measure if plan.condition == quantity.condition]
    if not under:
        known = dict.fromkeys(plan.condition for plan in of_measure)
        return "condition", f"{_came(quantity.condition)}; {_expected(quantity.condition, known)}"
    hitting = [plan for plan in under if plan.target == quantity.target]
    if not hitting:
        known = dict.fromkeys(plan.target for plan in under)
        hint = ""
        if (target := TARGETS.get(quantity.target)) is not None and target.is_float32:
            hint = ": float32 words are asked about by the name of the codes that they stand beside"
        return "target", f"{_came(quantity.target)}; {_expected(quantity.target, known)}{hint}"
    return _wrong_level(quantity, [level for plan in hitting for level in plan.levels])


def _wrong_level(quantity: Quantity, levels: Sequence[float]) -> Misfit | None:
    listed = ", ".join(f"{level:g}" for level in sorted(levels))
    if not levels:
        came = quantity.level if isinstance(quantity.level, str | None) else f"{quantity.level:g}"
        what = f"is {came}, but {quantity.measure} has no levels there; expected none"
        return None if quantity.level is None else ("level", what)
    if quantity.level is None:
        return "level", f"is missing; expected one of {listed}, or {MEAN} over all"
    if quantity.level == MEAN or any(abs(float(quantity.level) - level) <= 1e-9 * level for level in levels):
        return None
    return "level", f"is {quantity.level:g}, which is not measured; expected one of {listed}, or add it to the study"


def _impossible(need: Requirement, score: Score) -> Misfit | None:
    """A limit on the wrong side, or one that every network or none can hold."""
    measure = need.named(score)
    end = better_end(score, measure, need.condition)
    label = score.label if measure == score.name else MEASURES[measure].label
    if end is not None and end != ("high" if need.side == "at_least" else "low"):
        higher, other = ("higher", "at_least") if end == "high" else ("lower", "at_most")
        return need.side, f"is {need.limit:g}, but of {label} {higher} is better; expected {other}"
    is_share = MEASURES[measure].is_rate or (measure == score.name and score.is_share)
    if is_share and not 0 <= need.limit <= 1:
        percent = f"; {need.limit:g} % is {need.limit / 100:g}" if 1 < need.limit <= 100 else ""
        return need.side, f"is {need.limit:g}; expected 0 to 1, what {label} can be{percent}"
    if (measure == score.name or MEASURES[measure].families == ("cost",)) and need.limit < 0:
        return need.side, f"is {need.limit:g}; expected at least 0, what {label} can be"
    return None


def _why(measure: str) -> str:
    if measure not in MEASURES or measure == "all":
        return ""
    return ", which compares two networks" if MEASURES[measure].of_pairs else ", which this study does not take"


def _measures(quantity: Quantity, planned: Iterable[Planned], score: Score) -> str:
    """The measures that there are, by the one that may have been meant or by the condition."""
    known = dict.fromkeys(name for plan in planned for name in plan.measures)
    if hint := did_you_mean(quantity.measure, (CLEAN, *known)):
        return f"expected a measure that this study takes of every network{hint}"
    there = [plan for plan in planned if plan.condition == quantity.condition and plan.family != "landscape"]
    names = dict.fromkeys(name for plan in there for name in plan.measures if name not in SELECTED | {score.name})
    others = "" if quantity.condition else ", or of the landscape, or of bits"
    return f"expected one of {', '.join((CLEAN, *names))}{others}"


def _came(name: str) -> str:
    return f"is {name!r}, which is not measured" if name else "is missing"


def _expected(name: str, known: Iterable[str]) -> str:
    names = sorted(filter(None, known))
    none = "" in known
    if not names:
        return "expected none"
    if hint := did_you_mean(name, names):
        return f"expected one of those that are{hint}"
    return f"expected one of {', '.join(names)}" + (", or none" if none else "")
