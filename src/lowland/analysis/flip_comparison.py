"""Which precision is toughest when the same number, and when the same share, of its stored bits is flipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lowland.analysis.conditions import codes_targets
from lowland.analysis.intervals import t_interval
from lowland.analysis.recipe_means import not_told_apart
from lowland.analysis.score import score_of
from lowland.measurements import WITH_CODES
from lowland.vocabulary.conditions import condition_named

COMPARED = ("flips", "bit_error_rate", "ranked_flips")
LEFT, LOST = "left", "lost"
MIDDLE = (4, 6)  # bits, the widths that published studies found most robust
COLUMNS = (
    "task",
    "condition",
    "level",
    "precision",
    "method",
    "weight_bits",
    "mean",
    "low",
    "high",
    "num_recipes",
    "toughest",
    "tied",
)


def compare_precisions(
    measurements: pd.DataFrame, *, reported: pd.DataFrame | None = None, of: str = LEFT
) -> pd.DataFrame:
    """The score of every precision at equal numbers of flips and at equal bit error rates, over the recipes.

    At an equal count a small network has a larger share of its bits damaged, at an equal rate a large one has more
    flips: which precision is toughest depends on what is held equal. The score that is left is what a user gets; what
    is lost of it flatters whoever has least to lose. Seeds are averaged inside a recipe; intervals are 95 % t-intervals
    over recipes, those of the score bent so that they end where it does. Precisions are compared over the recipes that
    all stored codes have, for recipes differ as much as precisions do; where they share none, each has its own recipes
    and nobody is toughest. Whether a precision can be told from the toughest is judged recipe by recipe: they are tied
    where the t-interval of the paired difference holds zero, or where there are too few recipes for one.

    Args:
        measurements: The long table of one task, of the rows that choose (``on_split``); only its rows that are ``ok``.
            Float networks come with their float32 words.
        reported: That of the rows that are told: all numbers are from these, while who is toughest and tied is not.
            None: the same rows.
        of: ``left`` (the score, in its direction) or ``lost`` (of the score, the less the better).

    Returns:
        One row per task, condition (of ``COMPARED``), level (NaN: the mean over all levels, of recipes that have
        them all) and precision: method, weight_bits, mean, low, high, num_recipes (compared), ``toughest`` and ``tied``
        (with the toughest; true for itself), both among networks of stored codes only.
    """
    chosen = _compared(measurements, of)
    if reported is None:
        return chosen
    leaders = ["toughest", "tied"]
    told = _compared(reported, of).drop(columns=leaders)
    keys = ["task", "condition", "level", "precision"]
    leading = {name: set(_places(chosen[chosen[name].astype(bool)], keys)) for name in leaders}
    places = _places(told, keys)
    return told.assign(**{name: [place in leading[name] for place in places] for name in leaders})


def _places(frame: pd.DataFrame, keys: list[str]) -> list[tuple[Any, ...]]:
    """The key of every row; NaN, which equals nothing, is None."""
    return [tuple(None if key != key else key for key in row) for row in frame[keys].itertuples(index=False)]


def _compared(measurements: pd.DataFrame, of: str) -> pd.DataFrame:
    """``compare_precisions`` where one and the same rows choose and are told."""
    score = score_of(measurements)
    measure = score.lost if of == LOST else score.name
    rows = measurements[
        (measurements.family == "bit_flip") & (measurements.measure == measure) & (measurements.status == "ok")
    ]
    rows = rows[rows.condition.isin(COMPARED)]
    everywhere = {name: condition_named(name).target for name in COMPARED}
    rows = rows[codes_targets(rows.target) == rows.condition.map(everywhere)]
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    sign = -1 if of == LOST else score.sign
    which = ["task", "condition", "precision", "method", "weight_bits"]
    each = rows.groupby([*which, "level", "recipe"], sort=False)["value"].mean().reset_index()
    levels = each.groupby(which, sort=False)["level"].nunique().rename("wanted")
    averaged = each.groupby([*which, "recipe"], sort=False)["value"].agg(value="mean", got="size").reset_index()
    averaged = averaged.merge(levels, on=which)
    averaged = averaged[averaged.got == averaged.wanted].assign(level=float("nan"))
    found = []
    for (task, condition, level), group in pd.concat([each, averaged]).groupby(
        ["task", "condition", "level"], sort=False, dropna=False
    ):
        wide = group.pivot_table(index="recipe", columns="precision", values="value", sort=False)
        known = group.drop_duplicates("precision").set_index("precision")
        codes = [p for p in wide.columns if known.method[p] in WITH_CODES]
        shared = wide.dropna(subset=codes)
        wide = shared if len(shared) else wide
        means = {p: t_interval(list(wide[p]), ends="none" if of == LOST else score.ends) for p in wide.columns}
        best = max(codes, key=lambda p: sign * means[p][0]) if codes and len(shared) else None
        for p in wide.columns:
            tied = best is not None and p in codes and (p == best or not_told_apart(wide[p] - wide[best]))
            what = (task, condition, level, p, known.method[p], known.weight_bits[p])
            found.append((*what, *means[p], int(wide[p].notna().sum()), p == best, tied))
    return pd.DataFrame.from_records(found, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Toughest:
    """Which of the stored codes is toughest, at one level or over all.

    Attributes:
        level: None: over all levels.
        precision: The toughest, on the rows that choose.
        mean: Its score, or what it loses of it, on the rows that are told.
        num_recipes: Over how many recipes precisions are compared.
        tied: Other precisions that cannot be told from it.
        middle: Whether 4 to 6 bits are toughest: ``yes`` (the toughest and all that tie with it have so many), ``no``
            (none has), ``unsure`` (some have); empty where the study has no precision inside, or none outside.
    """

    level: float | None
    precision: str
    mean: float
    num_recipes: int
    tied: tuple[str, ...]
    middle: Literal["yes", "no", "unsure", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipVerdict:
    """Which precision is toughest under one kind of flips.

    Attributes:
        task: Of the measurements.
        condition: Of ``COMPARED``.
        levels: At every level, rising.
        average: Over all levels; None where it is not known.
        lost: The same by what is lost of the score; None where it is not known.
    """

    task: str
    condition: str
    levels: tuple[Toughest, ...]
    average: Toughest | None
    lost: Toughest | None

    @property
    def entries(self) -> tuple[Toughest, ...]:
        """Every level, and their average if there is one."""
        return (*self.levels, *filter(None, [self.average]))


def flip_verdicts(left: pd.DataFrame, lost: pd.DataFrame | None = None) -> list[FlipVerdict]:
    """Which precision is toughest at every level and over all of them, for every task and kind of flips that has one.

    Args:
        left: ``compare_precisions`` of the score left: the verdict.
        lost: That of what is lost, a second opinion over all levels.
    """
    found = []
    left, lost = _with_a_leader(left), None if lost is None else _with_a_leader(lost)
    for (task, condition), everything in left.groupby(["task", "condition"], sort=False):
        entries = [_toughest(rows) for _, rows in everything.groupby("level", dropna=False)]
        other = lost[(lost.task == task) & (lost.condition == condition)] if lost is not None else everything[:0]
        other = other[other.level.isna()]
        found.append(
            FlipVerdict(
                task=str(task),
                condition=str(condition),
                levels=tuple(entry for entry in entries if entry.level is not None),
                average=next((entry for entry in entries if entry.level is None), None),
                lost=_toughest(other) if len(other) else None,
            )
        )
    return found


def _with_a_leader(frame: pd.DataFrame) -> pd.DataFrame:
    """Stored codes at the levels where one is toughest."""
    codes = frame[frame.method.isin(WITH_CODES)]
    return codes[codes.groupby(["task", "condition", "level"], dropna=False)["toughest"].transform("any").astype(bool)]


def _toughest(rows: pd.DataFrame) -> Toughest:
    """Who leads among these precisions, at one level or over all."""
    leaders = rows[rows.tied.astype(bool)]
    best = leaders[leaders.toughest.astype(bool)].iloc[0]
    inside = leaders.weight_bits.between(*MIDDLE)
    comparable = rows.weight_bits.between(*MIDDLE).nunique() == 2
    return Toughest(
        level=None if best.level != best.level else float(best.level),
        precision=str(best.precision),
        mean=float(best["mean"]),
        num_recipes=int(best.num_recipes),
        tied=tuple(str(p) for p in leaders.precision[~leaders.toughest.astype(bool)]),
        middle=("yes" if inside.all() else "unsure" if inside.any() else "no") if comparable else "",
    )
