"""The table of half-lives: numbers with their intervals, bounds as such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowland.analysis.conditions import harder_is_lower
from lowland.analysis.half_lives import HalfLife, HalfLifeComparison
from lowland.report.style import DASH
from lowland.report.words import plural
from lowland.vocabulary.labels import bare_level_text, condition_label, level_unit


@dataclass(frozen=True, slots=True)
class HalfLifeCell:
    """One cell of the table.

    Attributes:
        shown: The half-life; a dash where there is none.
        interval: What stands below it; may be empty.
        best: Whether it takes most.
        title: What the pointer says; may be empty.
    """

    shown: str
    interval: str
    best: bool
    title: str


@dataclass(frozen=True, slots=True)
class HalfLifeRow:
    """One line of the table.

    Attributes:
        label: The disturbance.
        unit: Of its level.
        cells: One per precision.
    """

    label: str
    unit: str
    cells: tuple[HalfLifeCell, ...]


def half_life_row(comparison: HalfLifeComparison) -> HalfLifeRow:
    """A comparison as a line of the table.

    Args:
        comparison: From ``compare_half_lives``.
    """
    condition = comparison.condition
    pairs = zip(comparison.half_lives, comparison.toughest, strict=True)
    return HalfLifeRow(
        label=condition_label(condition, comparison.target),
        unit=level_unit(condition),
        cells=tuple(_cell(life, best, condition) for life, best in pairs),
    )


def _cell(life: HalfLife | None, best: bool, condition: str) -> HalfLifeCell:
    if life is None or life.kind == "missing":
        return HalfLifeCell(DASH, "", best=False, title="no number" if life is not None else "")
    text, interval = bare_level_text(condition, life.value), ""
    title = f"{life.num_seeds} {plural(life.num_seeds, 'seed')}"
    if life.kind in ("beyond", "before"):
        text = f"{'<' if (life.kind == 'beyond') == harder_is_lower(condition) else '>'} {text}"
    elif life.kind == "mean" and life.low == life.low:
        interval = " to ".join(bare_level_text(condition, max(end, 0.0)) for end in (life.low, life.high))
    elif life.kind == "median":
        interval = f"seeds {_range(life, condition)}"
    if life.num_bounds:
        title += f", median; {life.num_bounds} outside the levels"
    if life.num_not_ok:
        title += f", {life.num_not_ok} without a number"
    return HalfLifeCell(text, interval, best, title)


def _range(life: HalfLife, condition: str) -> str:
    """Least and greatest of seeds some of which are bounds, an end that nobody reached left open."""
    low, high = (bare_level_text(condition, end) if 0 < end < np.inf else "" for end in (life.low, life.high))
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"
