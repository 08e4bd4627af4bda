"""What the study could not settle, and which further measurement would."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, sqrt
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.best import seeds_to_tell
from lowland.analysis.criteria import Criterion
from lowland.analysis.intervals import t_quantile
from lowland.analysis.over_seeds import by_ratio
from lowland.decision.choice import Choice
from lowland.decision.numbers import Subject, about, plain
from lowland.measurements import IMPORTED

LEAST_SEEDS, MOST_SEEDS = 2, 100
CONFIDENCE = 0.95


def undecided(choice: Choice) -> list[dict[str, Any]]:
    """What the study could not settle, and which further measurement would.

    A limit within the interval of the choice may turn out to be missed. A configuration whose interval reaches across
    limits that it does not surely keep may turn out to be the one to choose. What ties with the choice may be better.
    All suppose that means and spreads stay what they are now, and take an interval for symmetric around its mean.
    What is counted, as sizes are, is known and never open.

    Args:
        choice: Of one task.

    Returns:
        ``kind`` (``requirement``, ``rival`` or ``tie``), ``parameter`` and ``threshold`` of the limit, ``recipe`` and
        ``precision`` of the other (a tie: the closest), what it is about, ``spare`` (to the limit, of a limit that is
        open on the rows that are told as told there, else on the rows that choose; of a tie what the choice is ahead),
        ``lost`` (seeds that gave no number: these are what is missing), ``seeds`` (needed in all; ``LEAST_SEEDS`` where
        one does not tell how far seeds spread) and ``rows_factor`` (how many times the test rows and draws are needed,
        with the ``seeds`` if these are given and with the present ones else). Both None: not even ``MOST_SEEDS``.
    """
    return [*_limits(choice), *_rivals(choice), *_ties(choice)]


def _limits(choice: Choice) -> Iterator[dict[str, Any]]:
    """Limits that the choice may miss."""
    if (subject := choice.subject) is None:
        return
    for parameter, criterion, limit in choice.demands:
        told = choice.confirmed(criterion, limit, subject) != "surely"
        if criterion.family == "cost" or not (told or choice.met(parameter, subject) != "surely"):
            continue
        shared = {"kind": "requirement", "parameter": parameter, **about(criterion), "threshold": limit}
        yield shared | _settled(choice, subject, criterion, limit, reported=told)


def _rivals(choice: Choice) -> Iterator[dict[str, Any]]:
    """The configuration that would be chosen, and be better by the preferences, if it surely kept all limits."""
    numbers = choice.numbers
    reach = {p: numbers.spare(c, t, "best") >= 0 for p, c, t in choice.demands}
    possible = pd.DataFrame(reach, index=choice.index).all(axis=1) & choice.complete & choice.eligible
    pool = choice.index[possible | choice.index.isin(choice.candidates)]
    if not len(pool):
        return
    first, *_ = tied = choice.narrow(pool)[0]
    if first in choice.candidates or choice.subject in tied:
        return
    open_still = [(p, c, t) for p, c, t in choice.demands if not choice.surely.loc[first, p]]
    needed = [_settled(choice, first, c, t, reported=False) for _, c, t in open_still]
    # Each alone must be settled; what the hardest needs is enough for all.
    place = max(range(len(needed)), key=lambda i: _effort(needed[i]))
    parameter, criterion, limit = open_still[place]
    yield {
        "kind": "rival",
        "recipe": first[1],
        "precision": first[2],
        "parameter": parameter,
        **about(criterion),
        "threshold": limit,
        **needed[place],
    }


def _ties(choice: Choice) -> Iterator[dict[str, Any]]:
    """The closest of what ties with the choice."""
    subject, deciding = choice.subject, choice.deciding
    if subject is None or len(choice.narrowed[0]) < 2 or subject[3] == IMPORTED:
        return  # networks from outside tie where they are equal: nothing is open
    other = choice.narrowed[0][1]
    pool = choice.candidates
    for criterion in choice.preferences:
        if criterion.name == deciding.name:
            break
        pool = pool[choice.ties(criterion, pool)]
    values = choice.numbers.seeds(deciding).reindex(pool)
    shared = values.dropna(axis=1)
    seeds = seeds_to_tell(values, subject, other, most=MOST_SEEDS) if shared.shape[1] > 1 else LEAST_SEEDS
    ahead = values.loc[subject].mean() - values.loc[other].mean()
    yield {"kind": "tie", "recipe": other[1], "precision": other[2], **about(deciding)} | {
        "spare": plain(ahead if deciding.higher_is_better else -ahead),
        "lost": 0,
        "seeds": seeds,
        "rows_factor": None,
    }


def _settled(choice: Choice, subject: Subject, criterion: Criterion, limit: float, *, reported: bool) -> dict[str, Any]:
    """Seeds, test rows or both after which the interval around the mean would keep off the limit."""
    numbers = choice.numbers
    row = numbers.of(criterion, reported=reported).loc[subject]
    spare = numbers.spare(criterion, limit, "mean", reported=reported).loc[subject]
    found = {"spare": plain(spare), "lost": int(row["num_not_ok"]), "seeds": None, "rows_factor": None}
    ends = row[["mean", "low", "high", "seeds_low", "seeds_high"]].to_numpy(dtype=float)
    if by_ratio(criterion):  # seeds are averaged in the logarithm
        with np.errstate(divide="ignore", invalid="ignore"):
            ends, distance = np.log(ends), abs(float(np.log(row["mean"]) - np.log(limit)))
    else:
        distance = abs(float(spare))
    if not 0 < distance < np.inf:
        return found
    wide, narrow = (ends[2] - ends[1]) / 2, (ends[4] - ends[3]) / 2
    rows = sqrt(max(0.0, wide**2 - narrow**2)) if isfinite(wide) and isfinite(narrow) else 0.0
    values = numbers.seeds(criterion, reported=reported).loc[subject].dropna().to_numpy(dtype=float)
    spread = float("inf")  # no other seed of a network from outside will ever be
    if subject[3] != IMPORTED:
        if len(values) < LEAST_SEEDS:
            return found | {"seeds": LEAST_SEEDS}
        spread = float(values.std(ddof=1))
        if (seeds := seeds_needed(distance, spread, rows=rows)) is not None:
            return found | {"seeds": max(seeds, len(values) + 1)}
    if narrow < distance:
        return found | {"rows_factor": plain(max(1.0, rows**2 / (distance**2 - narrow**2)))}
    if (seeds := seeds_needed(distance / sqrt(2), spread, rows=0.0)) is not None:  # half of the room for either
        return found | {"seeds": seeds, "rows_factor": plain(max(1.0, 2 * rows**2 / distance**2))}
    return found


def seeds_needed(distance: float, spread: float, *, rows: float) -> int | None:
    """The fewest seeds whose t-interval, with the error of the rows, is narrower than a distance on either side.

    Args:
        distance: From the mean to the limit.
        spread: Standard deviation of the seeds, same unit.
        rows: Half of the interval over test rows and draws alone.

    Returns:
        ``LEAST_SEEDS`` to ``MOST_SEEDS``; None where more would be needed.
    """
    counts = np.arange(LEAST_SEEDS, MOST_SEEDS + 1)
    half = np.sqrt((t_quantile(CONFIDENCE, counts - 1) * spread / np.sqrt(counts)) ** 2 + rows**2)
    enough = counts[half < distance]
    return int(enough[0]) if len(enough) else None


def _effort(needed: dict[str, Any]) -> tuple[bool, float, float]:
    """How much it takes to settle something, to be compared."""
    unknown = needed["seeds"] is None and needed["rows_factor"] is None
    return unknown, needed["rows_factor"] or 1.0, needed["seeds"] or 0
