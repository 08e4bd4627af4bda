"""A choice and what stands around it, as a record that is ready for JSON."""

from __future__ import annotations

from typing import Any

from lowland.analysis.criteria import Criterion
from lowland.decision.alternatives import conflicts, safer
from lowland.decision.breaking_levels import breaking_levels
from lowland.decision.choice import Choice
from lowland.decision.deployment import to_deploy
from lowland.decision.numbers import ENDS, Subject, about, plain
from lowland.decision.outcomes import FAILED, GUESSING, NOTHING
from lowland.decision.requirements import Requirements
from lowland.decision.undecided import undecided
from lowland.decision.what_if import what_if
from lowland.vocabulary.measures import SELECTED

TOLERATED = 0.1  # of the clean score: what may be lost where no requirement says how much


def described(choice: Choice, requirements: Requirements, folder: str) -> dict[str, Any]:
    """What ``recommend`` says of the task, less what stands beside its networks.

    Args:
        choice: Of one task.
        requirements: What it was made by.
        folder: Of the study's data, relative to the project.
    """
    numbers, outcome = choice.numbers, choice.outcome
    known = [beats for beats in numbers.gains.beats if beats is not None]
    report: dict[str, Any] = {
        "score": numbers.score.name,
        "outcome": outcome,
        "num_configurations": len(choice.index),
        "num_complete": int(choice.complete.sum()),
        "num_meeting_surely": int(choice.surely.all(axis=1).sum()),
        "num_meeting_on_the_mean": int(choice.on_the_mean.all(axis=1).sum()),
        "num_beating_guess": sum(known) if known else None,
        "chosen": None,
        "chosen_by": None,
        "blocked_by": None,
        "tied": [],
        "runner_up": None,
        "tightest": None,
        "nearest": None,
        "best": None,
        "requirements": [standing(choice, p, c, t) for p, c, t in choice.demands],
    }
    subject = choice.subject
    if outcome == NOTHING:
        subject = choice.nearest
        report["nearest"] = None if subject is None else configuration(choice, subject, folder)
        report["blocked_by"] = _blocked(choice)
    elif outcome == GUESSING:
        best = numbers.best_first(choice.deciding, choice.index[numbers.is_scored])[0]
        report["best"] = configuration(choice, best, folder)
    elif subject is not None:
        _, *tied = choice.narrowed[0]
        report |= {"chosen": configuration(choice, subject, folder), "chosen_by": _chosen_by(choice)}
        report["tied"] = [configuration(choice, other, folder) for other in tied]
        runner_up = choice.runner_up
        report["runner_up"] = None if runner_up is None else configuration(choice, runner_up, folder)
        report["tightest"] = _tightest(choice, subject)
    report["breaking_levels"] = [] if subject is None else _breaking_levels(choice, subject)
    # Where no network gave a result or none learned, other requirements change nothing.
    hopeless = outcome in (FAILED, GUESSING)
    report |= {"safer": safer(choice), "undecided": undecided(choice)}
    return report | {"what_if": [] if hopeless else what_if(choice, requirements)}


def configuration(choice: Choice, subject: Subject, folder: str) -> dict[str, Any]:
    """One configuration with all numbers that were asked for, of the rows that are told.

    Args:
        choice: Of its task.
        subject: The configuration.
        folder: Of the study's data, relative to the project.
    """
    limits = {c.name: (p, t) for p, c, t in choice.demands}
    entries = {}
    for criterion in choice.criteria:
        row = choice.numbers.of(criterion, reported=True).loc[subject]
        entry: dict[str, Any] = {**about(criterion), **{name: plain(row[name]) for name in ("mean", *ENDS)}}
        entry |= {"num_seeds": int(row["num_seeds"]), "num_not_ok": int(row["num_not_ok"])}
        if criterion.name in limits:
            parameter, limit = limits[criterion.name]
            entry |= {"threshold": limit, "met": choice.met(parameter, subject)}
            entry["confirmed"] = choice.confirmed(criterion, limit, subject)
        entries[criterion.name] = entry
    _, recipe, precision, method, bits = subject
    of_every = [choice.numbers.of(c) for c in choice.needed if c.measure not in SELECTED]
    return {
        "recipe": recipe,
        "precision": precision,
        "method": method,
        "weight_bits": int(bits) if bits == int(bits) else float(bits),
        "num_seeds": min(int(table.loc[subject, "num_seeds"]) for table in of_every),
        "num_planned": choice.numbers.planned,
        "gain_over_guess": _gain(choice, subject),
        "numbers": entries,
        "deploy": to_deploy(choice.numbers.measurements, subject, score=choice.numbers.score, folder=folder),
    }


def standing(choice: Choice, parameter: str, criterion: Criterion, limit: float) -> dict[str, Any]:
    """How one requirement fares over all configurations; the nearest is sought among those that meet the others."""
    numbers = choice.numbers
    spare = numbers.spare(criterion, limit, "mean")
    others = choice.on_the_mean.drop(columns=parameter).all(axis=1) & numbers.learned
    among_others = spare[others].dropna()
    pool = among_others if len(among_others) else spare.dropna()
    best = pool.idxmax() if len(pool) else None
    told = numbers.spare(criterion, limit, "mean", reported=True)
    return {
        "parameter": parameter,
        "name": criterion.name,
        **about(criterion),
        "threshold": limit,
        "num_meeting_surely": int(choice.surely[parameter].sum()),
        "num_meeting_on_the_mean": int(choice.on_the_mean[parameter].sum()),
        "nearest": None if best is None else {"recipe": best[1], "precision": best[2]},
        "nearest_meets_the_others": bool(len(among_others)),
        "nearest_value": None if best is None else plain(numbers.of(criterion, reported=True).loc[best, "mean"]),
        "shortfall": None if best is None else plain(max(0.0, -float(told.loc[best]))),
    }


def _chosen_by(choice: Choice) -> dict[str, Any]:
    """How it came to the choice."""
    numbers = choice.numbers
    idle, lost = numbers.gains.beats.eq(False), numbers.of(numbers.clean).num_seeds < numbers.planned
    order, steps = choice.narrowed
    told = [
        {
            "name": step.criterion.name,
            **about(step.criterion),
            "best": plain(numbers.of(step.criterion, reported=True).loc[step.best, "mean"]),
            "num_before": step.num_before,
            "num_left": step.num_left,
        }
        for step in steps
    ]
    deciding = choice.deciding
    return {
        "num_competing": len(choice.candidates),
        "num_not_beating_guess": int(idle.sum()),
        "num_behind": int((lost & ~idle).sum()),
        "steps": told,
        "tie_break": {"name": deciding.name, **about(deciding)} if len(order) > 1 else None,
    }


def _blocked(choice: Choice) -> dict[str, Any]:
    """Why nothing may be chosen, and because of which requirements."""
    meeting = choice.on_the_mean.all(axis=1)
    if (meeting & choice.preferable & ~choice.numbers.learned).any():
        return {"reason": "guessing", "requirements": [], "conflicts": []}
    if meeting.any():
        return {"reason": "preference_without_number", "requirements": [], "conflicts": []}
    unknown = [p for p, c, _ in choice.demands if not choice.numbers.means(c).notna().any()]
    if unknown:
        return {"reason": "requirement_without_number", "requirements": unknown, "conflicts": []}
    alone = [p for p, _, _ in choice.demands if not choice.on_the_mean[p].any()]
    reason = "unmet" if alone else "not_together"
    return {"reason": reason, "requirements": alone, "conflicts": conflicts(choice)}


def _tightest(choice: Choice, subject: Subject) -> dict[str, Any] | None:
    """The requirement with the least to spare, relative to its limit."""
    numbers = choice.numbers
    spares = {p: (c, t, float(numbers.spare(c, t, "worst").loc[subject])) for p, c, t in choice.demands}
    known = {p: s for p, s in spares.items() if s[2] == s[2]}
    if not known:
        return None
    parameter = min(known, key=lambda p: known[p][2] / (abs(known[p][1]) or 1.0))
    criterion, limit, _ = known[parameter]
    spare = numbers.spare(criterion, limit, "worst", reported=True).loc[subject]
    return {
        "parameter": parameter,
        "name": criterion.name,
        **about(criterion),
        "threshold": limit,
        "to_spare": plain(spare),
    }


def _breaking_levels(choice: Choice, subject: Subject) -> list[dict[str, Any]]:
    """Too much is what leaves a worse score than the worst asked for, else a tenth worse than the clean one."""
    numbers = choice.numbers
    sign = numbers.score.sign
    asked = [t for _, c, t in choice.demands if c.measure == numbers.score.name]
    clean = float(numbers.of(numbers.clean, reported=True).loc[subject, "mean"])
    floor = plain(sign * min(sign * t for t in asked) if asked else (1 - sign * TOLERATED) * clean)
    return [] if floor is None else breaking_levels(numbers.reported, subject, floor=floor)


def _gain(choice: Choice, subject: Subject) -> dict[str, Any] | None:
    """What it does better than the guess; None where that was not measured."""
    row, reported = choice.numbers.gains.loc[subject], choice.numbers.reported_gains.loc[subject]
    if row["beats"] is None:
        return None
    return {name: plain(reported[name]) for name in ("mean", "low", "high")} | {
        "beats": bool(row["beats"]),
        "idle_seeds": row["idle"],
    }
