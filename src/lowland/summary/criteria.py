"""What a configuration is judged by: one number per cell, read from the long table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lowland.measurements import HALVES
from lowland.summary.conditions import KEYS, condition_label
from lowland.summary.score import NO_NUMBER, Score
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.targets import codes_target

CELL = ["task", "recipe", "seed", "precision", "method", "weight_bits"]
CONFIGURATION = ["task", "recipe", "precision", "method", "weight_bits"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One quantity of a cell, named for tables and figures.

    Attributes:
        name: Short key, stable in files.
        label: Name for people.
        family: Family of its rows in the long table.
        measure: Measure of its rows.
        condition: Condition of its rows.
        target: What it hits. For float cells a part of stored codes stands for the same part of float32 words: at the
            same bit error rate their memory holds these instead of codes.
        level: Strength; ``None`` takes the mean over all levels.
        higher_is_better: Direction.
    """

    name: str
    label: str
    family: str
    measure: str
    condition: str
    target: str = ""
    level: float | None = None
    higher_is_better: bool = True


CLEAN = "score"  # name of the criterion of undisturbed test rows, whatever the score
SIZE = Criterion("size", "size", "cost", "size", "", higher_is_better=False)


def clean_criterion(score: Score) -> Criterion:
    """The score on undisturbed test rows."""
    return Criterion(
        CLEAN, f"clean {score.label}", "performance", score.name, "", higher_is_better=score.higher_is_better
    )


def disturbed_criterion(
    score: Score, family: str, condition: str, target: str = "", *, label: str = "", level: float | None = None
) -> Criterion:
    """The score under a disturbance, at one level or on average over all.

    Args:
        score: Of the task.
        family: Of the disturbance.
        condition: Which.
        target: What it hits.
        label: What follows the score's own name; by default "under" the condition in words.
        level: Strength; ``None`` for all.
    """
    return Criterion(
        "_".join(filter(None, [CLEAN, target, condition])) + ("" if level is None else f"_{level:g}"),
        f"{score.label} {label or f'under {condition_label(condition, target)}'}",
        family,
        score.name,
        condition,
        target,
        level,
        score.higher_is_better,
    )


def robustness_criteria(measurements: pd.DataFrame, score: Score) -> tuple[Criterion, ...]:
    """The score under every disturbance that all precisions met, each averaged over its levels, as they appear.

    The score that is left, not what is lost of it: a classifier that always says the same loses nothing.
    Float networks meet flips of stored codes as those of their float32 words. What a precision cannot suffer (float
    networks have no scales to flip) is no criterion, for it would have to call that precision failed; flips of ranked
    bits are one among the precisions with codes, and undefined for float networks. A precision without any score in the
    family did fail, and says so in every criterion.

    Args:
        measurements: The long table of one task.
        score: Its score.
    """
    rows = measurements[measurements.family.isin(DISTURBANCES) & (measurements.measure == score.name)]
    rows = rows[[*KEYS, "precision", "method"]].drop_duplicates()
    whole = rows.target.map(codes_target) == ""
    rows = rows.assign(target=rows.target.mask(whole, "")).drop_duplicates()
    met = rows.groupby("family")["precision"].nunique()
    with_codes = rows[rows.method != "float"].groupby("family")["precision"].nunique()
    suffered = rows.groupby(KEYS, sort=False)["precision"].nunique()
    return tuple(
        disturbed_criterion(score, family, condition, target)
        for (family, condition, target), count in suffered.items()
        if count == (with_codes if _compared_by_codes(condition) else met)[family]
    )


def _compared_by_codes(condition: str) -> bool:
    """Whether float networks cannot meet it, though all that have codes are compared by it."""
    known = condition_named(condition)
    return known.needs_codes and known.representative


def display(criterion_name: str, value: float | None, score: Score) -> str:
    """A criterion's value as people read it: bits with separators, scores in their own way."""
    if value is None or value != value:
        return NO_NUMBER
    return f"{value:,.0f} bits" if criterion_name == SIZE.name else score.text(value)


def cells(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every cell in the table, in order of appearance; ``pairs`` of seeds are not cells."""
    return measurements.loc[measurements.seed != "pairs", CELL].drop_duplicates().reset_index(drop=True)


def of_the_whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows about the whole network: those without a target, or of the only target where a study had but one."""
    whole = rows.target == ""
    return rows[whole] if whole.any() or rows.target.nunique() > 1 else rows


def criterion_values(measurements: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The criterion of every cell.

    Args:
        measurements: The long table, with one half of the held-out rows (``on_split``). What was measured on
            validation rows is no criterion.
        criterion: What to read. Over several levels the plain mean is taken; it exists only where every level that
            this precision was disturbed with is ``ok``: a mean over the levels that happened to work would flatter.

    Returns:
        One row per cell: the cell's columns, ``value`` (NaN where there is none), ``standard_error`` (of the rows
        themselves, that is over draws or probes), ``status``.

    Raises:
        ValueError: Both halves are in the table.
    """
    rows = measurements[
        (measurements.family == criterion.family)
        & (measurements.measure == criterion.measure)
        & (measurements.condition == criterion.condition)
        & (measurements.split != "validation")
        & (measurements.reference == "")
    ]
    if set(HALVES) <= set(rows.split):
        raise ValueError("measurements hold both halves of the held-out rows; expected one of them: use on_split")
    if criterion.family in DISTURBANCES:
        rows = rows[rows.target.map(codes_target) == criterion.target]
    else:
        rows = of_the_whole(rows)
    if criterion.level is not None:
        rows = rows[np.isclose(rows.level, criterion.level, rtol=1e-9, atol=0)]
    all_cells = cells(measurements)
    if rows.empty:
        return all_cells.assign(value=np.nan, standard_error=np.nan, status="failed")
    expected = rows.groupby(["task", "precision"], sort=False)["level"].nunique(dropna=False)
    sums = (
        rows.assign(
            good=rows.value.where(rows.status == "ok"),
            variance=rows.standard_error**2,
            bad=rows.status.where(rows.status != "ok"),
        )
        .groupby(["task", "recipe", "seed", "precision"], sort=False)
        .agg(total=("good", "sum"), variance=("variance", "sum"), rows=("good", "size"), bad=("bad", "first"))
        .reset_index()
    )
    merged = all_cells.merge(sums, how="left", on=["task", "recipe", "seed", "precision"])
    wanted = [expected.get((t, p), 1) for t, p in zip(merged.task, merged.precision, strict=True)]
    complete = (merged["rows"] == wanted).to_numpy()
    meaningless = (merged.method == "float") & _compared_by_codes(criterion.condition)
    missing = np.where(meaningless, "undefined", "failed")
    status = merged.bad.where(merged.bad.notna(), np.where(complete, "ok", missing)).astype(str)
    good = status == "ok"
    return all_cells.assign(
        value=(merged.total / merged["rows"]).where(good),
        standard_error=(np.sqrt(merged.variance) / merged["rows"]).where(good),
        status=status,
    )
