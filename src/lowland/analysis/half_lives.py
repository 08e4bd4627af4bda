"""How much of a disturbance halves what a network is worth, and which precision takes most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lowland.analysis.conditions import (
    KEYS,
    bare_level_text,
    beside_codes,
    condition_label,
    group_of,
    harder_is_lower,
    is_logarithmic,
    level_unit,
)
from lowland.vocabulary.conditions import GROUPS

_KEYS = ["task", "recipe", "precision", *KEYS]
DASH = "\N{EN DASH}"
_SIDES = {"undefined": -1, "ok": 0, "not_converged": 1}
COLUMNS = (*_KEYS, "value", "low", "high", "kind", "num_seeds", "num_bounds", "num_not_ok")


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
        measurements: The long table.
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


def half_life_table(lives: pd.DataFrame, *, recipe: str, precisions: tuple[str, ...]) -> list[dict[str, Any]]:
    """One recipe's half-lives, disturbances by precisions, the toughest precision of each marked.

    Float networks stand beside the codes with flips in their float32 words. What overlaps with the best ties with it;
    where everything ties nothing is marked.

    Args:
        lives: From ``half_lives``, one task.
        recipe: Which recipe.
        precisions: The columns.

    Returns:
        Per condition, in the order of ``GROUPS``: family, condition, target, label, unit, ``group`` and ``entries``,
        one per precision: ``shown`` (a dash where there is none), ``interval``, ``best``, ``title``; ``unbroken`` where
        no precision lost half within the levels.
    """
    ours = lives[lives.recipe == recipe]
    table = []
    for (family, condition, target), group in beside_codes(ours).groupby(KEYS, sort=False):
        by_precision = {row.precision: row for row in group.itertuples()}
        rows = [by_precision.get(precision) for precision in precisions]
        if all(row is None or row.kind == "missing" for row in rows):
            continue
        best = _best(rows, str(condition))
        table.append(
            {
                "family": str(family),
                "condition": str(condition),
                "target": str(target),
                "label": condition_label(str(condition), str(target)),
                "unit": level_unit(str(condition)),
                "group": group_of(str(condition)),
                "unbroken": all(row is None or row.kind in ("beyond", "missing") for row in rows),
                "entries": [_shown(row, b, str(condition)) for row, b in zip(rows, best, strict=True)],
            }
        )
    return sorted(table, key=lambda entry: list(GROUPS).index(entry["group"]))


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
    tail = 0.5 + confidence / 2
    factor = stats.t.ppf(tail, count - 1) if count > 1 else stats.norm.ppf(tail)
    half = float(factor * np.sqrt(spread + (errors**2).mean()))
    return mean, mean - half, mean + half


def _best(rows: list[Any], condition: str) -> list[bool]:
    """Who takes most: the hardest half-life and whatever overlaps with it."""
    sign = -1 if harder_is_lower(condition) else 1
    reach = [None if row is None or row.kind == "missing" else _reach(row, sign) for row in rows]
    known = [r for r in reach if r is not None]
    top = max(known)
    best = [r is not None and r[2] >= top[1] for r in reach]
    return [False] * len(rows) if sum(best) == len(known) else best


def _reach(row: Any, sign: int) -> tuple[float, float, float]:
    """(value, lower, upper) in order of hardship; ends that nobody knows are open."""
    low, high = sorted((sign * row.low, sign * row.high)) if row.low == row.low else (-np.inf, np.inf)
    return sign * row.value, low, high


def _shown(row: Any, best: bool, condition: str) -> dict[str, Any]:
    if row is None or row.kind == "missing":
        return {"shown": DASH, "interval": "", "best": False, "title": "no number" if row is not None else ""}
    text, interval = bare_level_text(condition, row.value), ""
    title = f"{row.num_seeds} seed{'' if row.num_seeds == 1 else 's'}"
    if row.kind in ("beyond", "before"):
        text = f"{'<' if (row.kind == 'beyond') == harder_is_lower(condition) else '>'} {text}"
    elif row.kind == "mean" and row.low == row.low:
        interval = " to ".join(bare_level_text(condition, max(end, 0.0)) for end in (row.low, row.high))
    elif row.kind == "median":
        interval = f"seeds {_range(row, condition)}"
    if row.num_bounds:
        title += f", median; {row.num_bounds} outside the levels"
    if row.num_not_ok:
        title += f", {row.num_not_ok} without a number"
    return {"shown": text, "interval": interval, "best": best, "title": title}


def _range(row: Any, condition: str) -> str:
    """Least and greatest of seeds some of which are bounds, an end that nobody reached left open."""
    low, high = (bare_level_text(condition, end) if 0 < end < np.inf else "" for end in (row.low, row.high))
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"
