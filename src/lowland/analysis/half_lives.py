"""How much of a disturbance halves what a network is worth, and which precision takes most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.conditions import KEYS, beside_codes, group_of, harder_is_lower, is_logarithmic
from lowland.analysis.intervals import normal_quantile, t_quantile
from lowland.vocabulary.conditions import GROUPS

_KEYS = ["task", "recipe", "precision", *KEYS]
_SIDES = {"undefined": -1, "ok": 0, "not_converged": 1}
_VALUES = ("value", "low", "high", "kind", "num_seeds", "num_bounds", "num_not_ok")
COLUMNS = (*_KEYS, *_VALUES)


def half_lives(measurements: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """The half-life of every configuration under every disturbance, over its seeds.

    A seed's half-life is a number (``ok``), or a bound: beyond the last level (``not_converged``) or before the first
    (``undefined``). Numbers alone are averaged, in the logarithm where levels span decades. All seeds met the same
    draws of the disturbance, so the error of those never shows in the spread over seeds; each number's own standard
    error (over its draws; over the test rows where nothing is drawn) is added to it: half of the interval is
    t(n - 1)·√(s²/n + mean of the squared standard errors), with a single seed 1.96 standard errors. A bound
    is never averaged as if it were a value: with bounds among them it is the median of the seeds in order of hardship
    that is told, itself a value or a bound, with the least and the greatest of them as ``low`` and ``high``, open (0 or
    infinite) on the side of a bound.

    Args:
        measurements: The long table, with one half of the held-out rows (``on_split``).
        confidence: Of the intervals.

    Returns:
        One row per task, recipe, precision, family, condition and target: ``value``, ``low``, ``high`` (NaN where
        unknown), in the units of the level, ``low`` < ``high`` also where fewer is worse; ``kind`` (``mean``,
        ``median``, ``beyond`` the last level, ``before`` the first, ``missing``), num_seeds, num_bounds, num_not_ok
        (seeds without either).
    """
    rows = measurements[measurements.measure == "half_life"]
    seeds: dict[tuple[Any, ...], list[tuple[str, float, float]]] = {}
    for *key, status, value, error in rows[[*_KEYS, "status", "value", "standard_error"]].itertuples(index=False):
        seeds.setdefault(tuple(key), []).append((status, value, error))
    found = []
    for key, everyone in seeds.items():
        usable = [one for one in everyone if one[0] in _SIDES and one[1] == one[1]]
        entry = _over_seeds(usable, str(key[-2]), confidence) if usable else _entry(kind="missing")
        num_bounds = sum(status != "ok" for status, *_ in usable)
        found.append((*key, *entry, len(usable), num_bounds, len(everyone) - len(usable)))
    return pd.DataFrame.from_records(found, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True)
class HalfLife:
    """One configuration's half-life over its seeds, as in a row of ``half_lives``.

    Attributes:
        value: In the units of the level.
        low: Lower end.
        high: Upper end.
        kind: See ``half_lives``.
        num_seeds: Seeds with a number or a bound.
        num_bounds: Bounds among them.
        num_not_ok: Seeds without either.
    """

    value: float
    low: float
    high: float
    kind: str
    num_seeds: int
    num_bounds: int
    num_not_ok: int


@dataclass(frozen=True, slots=True)
class HalfLifeComparison:
    """The half-lives of all precisions under one disturbance.

    Attributes:
        family: Of the disturbance.
        condition: The disturbance.
        target: What it hits.
        half_lives: One per precision, on the rows that are told; None where nothing was measured.
        toughest: Whether each takes most, on the rows that choose: the hardest half-life and whatever overlaps with it.
            Where everything overlaps, none does.
    """

    family: str
    condition: str
    target: str
    half_lives: tuple[HalfLife | None, ...]
    toughest: tuple[bool, ...]

    @property
    def unbroken(self) -> bool:
        """Whether no precision lost half within the levels."""
        return all(life is None or life.kind in ("beyond", "missing") for life in self.half_lives)


def compare_half_lives(
    lives: pd.DataFrame, *, recipe: str, precisions: tuple[str, ...], reported: pd.DataFrame | None = None
) -> list[HalfLifeComparison]:
    """One recipe's half-lives, precision beside precision, by disturbance in the order of ``GROUPS``.

    Float networks stand beside the codes with flips in their float32 words.

    Args:
        lives: From ``half_lives``, one task, of the rows that choose (``on_split``).
        recipe: Which recipe.
        precisions: What is compared.
        reported: Those of the rows that are told: all numbers are from these, while who is toughest is not. None: the
            same rows.
    """
    choosing = _by_disturbance(lives, recipe, precisions)
    told = choosing if reported is None else _by_disturbance(reported, recipe, precisions)
    found = []
    for (family, condition, target), each in told.items():
        if any(life is not None and life.kind != "missing" for life in each):
            chosen = choosing.get((family, condition, target), (None,) * len(precisions))
            best = _toughest(chosen, falls=harder_is_lower(condition))
            found.append(HalfLifeComparison(family, condition, target, each, best))
    return sorted(found, key=lambda entry: list(GROUPS).index(group_of(entry.condition)))


def _by_disturbance(
    lives: pd.DataFrame, recipe: str, precisions: tuple[str, ...]
) -> dict[tuple[str, str, str], tuple[HalfLife | None, ...]]:
    """(family, condition, target) -> the half-lives of one recipe, in the order of the precisions."""
    found = {}
    for (family, condition, target), group in beside_codes(lives[lives.recipe == recipe]).groupby(KEYS, sort=False):
        known = {str(row["precision"]): HalfLife(*(row[name] for name in _VALUES)) for _, row in group.iterrows()}
        found[str(family), str(condition), str(target)] = tuple(known.get(precision) for precision in precisions)
    return found


def _entry(
    value: float = float("nan"), low: float = float("nan"), high: float = float("nan"), *, kind: str
) -> tuple[float, float, float, str]:
    return value, low, high, kind


def _over_seeds(
    seeds: list[tuple[str, float, float]], condition: str, confidence: float
) -> tuple[float, float, float, str]:
    if all(status == "ok" for status, *_ in seeds):
        values, errors = (np.array(column, dtype=float) for column in list(zip(*seeds, strict=True))[1:])
        if is_logarithmic(condition) and values.min() > 0:
            ends = _interval(np.log(values), errors / values, confidence)  # delta method
            return _entry(*(float(np.exp(end)) for end in ends), kind="mean")
        return _entry(*_interval(values, errors, confidence), kind="mean")
    # In order of hardship; a bound lies outside everything that was measured.
    sign = -1 if harder_is_lower(condition) else 1
    order = sorted((_SIDES[status], sign * value) for status, value, _ in seeds)
    least = -np.inf if order[0][0] < 0 else order[0][1]
    greatest = np.inf if order[-1][0] > 0 else order[-1][1]
    low, high = (max(end, 0.0) for end in sorted((sign * least, sign * greatest)))
    lower, upper = order[(len(order) - 1) // 2], order[len(order) // 2]
    if lower[0] == upper[0] == 0:
        return _entry(sign * (lower[1] + upper[1]) / 2, low, high, kind="median")
    if lower[0] < 0 < upper[0]:
        return _entry(kind="missing")
    # Of an even number of seeds the two in the middle hold the median between them: a bound and a value make a bound.
    return (
        _entry(sign * lower[1], low, high, kind="beyond")
        if upper[0] > 0
        else _entry(sign * upper[1], low, high, kind="before")
    )


def _interval(values: np.ndarray, errors: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Mean and interval over the seeds and over what they share; no ends where an error is unknown."""
    mean, count = float(values.mean()), len(values)
    spread = float(values.var(ddof=1)) / count if count > 1 else 0.0
    factor = t_quantile(confidence, count - 1) if count > 1 else normal_quantile(confidence)
    half = float(factor * np.sqrt(spread + (errors**2).mean()))
    return mean, mean - half, mean + half


def _toughest(lives: Sequence[HalfLife | None], *, falls: bool) -> tuple[bool, ...]:
    sign = -1 if falls else 1
    reach = [None if life is None or life.kind == "missing" else _reach(life, sign) for life in lives]
    known = [r for r in reach if r is not None]
    if not known:
        return (False,) * len(lives)
    top = max(known)
    best = tuple(r is not None and r[2] >= top[1] for r in reach)
    return (False,) * len(lives) if sum(best) == len(known) else best


def _reach(life: HalfLife, sign: int) -> tuple[float, float, float]:
    """(value, lower, upper) in order of hardship; ends that nobody knows are open."""
    low, high = sorted((sign * life.low, sign * life.high)) if life.low == life.low else (-np.inf, np.inf)
    return sign * life.value, low, high
