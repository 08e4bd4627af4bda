"""What it would cost to be safer, what would settle what is open, and which requirements exclude each other."""

from __future__ import annotations

from itertools import combinations
from math import isfinite, sqrt
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.criteria import CLEAN, SIZE, Criterion
from lowland.analysis.intervals import t_quantile
from lowland.decision.choice import Choice
from lowland.decision.numbers import Subject, about, plain

MOST_SAFER = 3
LEAST_SEEDS, MOST_SEEDS = 2, 100
CONFIDENCE = 0.95


def margins(choice: Choice, *, reported: bool = False) -> pd.DataFrame:
    """What every configuration keeps to every limit at the worse end of its interval, relative to the limit."""
    return pd.DataFrame(
        {
            p: choice.numbers.spare(c, t, "worst", reported=reported) / (abs(t) or 1.0)
            for p, c, t in choice.demands
            if c.name != SIZE.name  # what is smaller than allowed is not safer
        },
        index=choice.index,
    )


def safer(choice: Choice) -> list[dict[str, Any]]:
    """Configurations that keep more to their tightest limit than the choice, and what each costs in score and size.

    Of the candidates those are named that no other beats in all three: what is kept, size and score.

    Args:
        choice: With a subject.

    Returns:
        The least costly step first, ``MOST_SAFER`` at most: ``recipe``, ``precision``, ``parameter`` (of its tightest
        limit), ``margin`` and ``margin_now`` (relative to the limit; of the rows that are told), ``score``, ``size``
        and their changes ``score_change``, ``size_factor``.
    """
    kept = margins(choice)
    if choice.subject is None or kept.empty:
        return []
    least = kept.min(axis=1, skipna=False)
    numbers, now = choice.numbers, choice.subject
    sizes, scores = numbers.means(SIZE), numbers.score.sign * numbers.means(numbers.clean)
    better = [s for s in choice.candidates if least.loc[s] > least.loc[now]]
    front = [
        s
        for s in better
        if not any(
            least.loc[o] >= least.loc[s] and sizes.loc[o] <= sizes.loc[s] and scores.loc[o] >= scores.loc[s]
            for o in better
            if o != s
        )
    ]
    told = margins(choice, reported=True)
    clean, size = (numbers.of(c, reported=True)["mean"] for c in (numbers.clean, SIZE))
    return [
        {
            "recipe": s[1],
            "precision": s[2],
            "parameter": str(kept.loc[[s]].iloc[0].idxmin()),
            "margin": plain(told.loc[[s]].iloc[0].min()),
            "margin_now": plain(told.loc[[now]].iloc[0].min()),
            CLEAN: plain(clean.loc[s]),
            SIZE.name: plain(size.loc[s]),
            "score_change": plain(clean.loc[s] - clean.loc[now]),
            "size_factor": plain(size.loc[s] / size.loc[now]),
        }
        for s in sorted(front, key=lambda s: least.loc[s])[:MOST_SAFER]
    ]


def undecided(choice: Choice) -> list[dict[str, Any]]:
    """What the study could not settle, and which further measurement would.

    A limit that lies within the interval of the choice is settled by more seeds, or by more test rows where the error
    of the rows alone reaches the limit. A tie is settled by more seeds. Both suppose that means and spreads stay what
    they are now.

    Args:
        choice: Of one task.

    Returns:
        ``kind`` (``requirement`` or ``tie``), ``parameter`` or the ``recipe`` and ``precision`` of the other,
        what it is about, ``seeds`` (needed in all, ``LEAST_SEEDS`` where one does not tell how far seeds spread; None:
        more than ``MOST_SEEDS``, or more seeds do not help) and
        ``rows_factor`` (how many times the test rows and draws are needed; None where seeds are what is missing).
    """
    subject, numbers = choice.subject, choice.numbers
    if subject is None:
        return []
    found = []
    for parameter, criterion, limit in choice.demands:
        if choice.confirmed(criterion, limit, subject) == "surely" and choice.met(parameter, subject) == "surely":
            continue
        spare = float(numbers.spare(criterion, limit, "mean", reported=True).loc[subject])
        found.append(
            {"kind": "requirement", "parameter": parameter, **about(criterion), "threshold": limit}
            | {"spare": plain(spare), **_settled(choice, criterion, subject, abs(spare))}
        )
    if len(choice.narrowed[0]) > 1:
        other, criterion = choice.narrowed[0][1], choice.deciding
        values = numbers.seeds(criterion)
        differences = (values.loc[subject] - values.loc[other]).dropna().to_numpy(dtype=float)
        needed = _seeds_for(abs(float(differences.mean())), _spread(differences), rows=0.0)
        found.append(
            {"kind": "tie", "recipe": other[1], "precision": other[2], **about(criterion)}
            | {"spare": plain(differences.mean()), "seeds": needed, "rows_factor": None}
        )
    return found


def conflict(choice: Choice) -> list[str]:
    """The fewest requirements that no configuration meets together, each of which some meets; empty where all do."""
    alone = [p for p, _, _ in choice.demands if choice.on_the_mean[p].any()]
    for size in range(2, len(alone) + 1):
        for group in combinations(alone, size):
            if not choice.on_the_mean[list(group)].all(axis=1).any():
                return list(group)
    return []


def _settled(choice: Choice, criterion: Criterion, subject: Subject, spare: float) -> dict[str, Any]:
    """Seeds, or else test rows, after which the interval around the mean would keep off the limit."""
    row = choice.numbers.of(criterion, reported=True).loc[subject]
    values = choice.numbers.seeds(criterion).loc[subject].dropna().to_numpy(dtype=float)
    wide, narrow = (float(row[high] - row[low]) / 2 for high, low in (("high", "low"), ("seeds_high", "seeds_low")))
    rows = sqrt(max(0.0, wide**2 - narrow**2)) if isfinite(wide) and isfinite(narrow) else 0.0
    if rows >= spare:
        return {"seeds": None, "rows_factor": plain((rows / spare) ** 2) if spare > 0 else None}
    return {"seeds": _seeds_for(spare, _spread(values), rows=rows), "rows_factor": None}


def _seeds_for(distance: float, spread: float, *, rows: float) -> int | None:
    """The fewest seeds whose interval, with the error of the rows, is narrower than a distance on either side.

    Without a spread these are ``LEAST_SEEDS``: what one seed cannot say, two begin to.
    """
    if not isfinite(spread):
        return LEAST_SEEDS
    counts = np.arange(2, MOST_SEEDS + 1)
    half = np.sqrt((t_quantile(CONFIDENCE, counts - 1) * spread / np.sqrt(counts)) ** 2 + rows**2)
    enough = counts[half < distance]
    return int(enough[0]) if len(enough) else None


def _spread(values: np.ndarray) -> float:
    """Standard deviation of seeds; NaN for fewer than two."""
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
