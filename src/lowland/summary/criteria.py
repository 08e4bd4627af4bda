"""What a configuration is judged by: one number per cell, read from the long table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lowland.summary.conditions import WORDS, condition_label

DISTURBANCES = ("noise", "bit_flip", "corruption", "adversarial")
TWINS = ("flips", "bit_error_rate")  # conditions of stored codes that float networks meet in their float32 words
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
        condition: Condition of its rows. For float cells a condition of stored codes stands for its ``ieee754_``
            twin: at the same bit error rate their memory holds float32 words instead of codes.
        level: Strength; ``None`` takes the mean over all levels.
        higher_is_better: Direction.
    """

    name: str
    label: str
    family: str
    measure: str
    condition: str
    level: float | None = None
    higher_is_better: bool = True


ACCURACY = Criterion("accuracy", "clean accuracy", "performance", "accuracy", "test")
SIZE = Criterion("size", "size", "cost", "size", "", higher_is_better=False)


def robustness_criteria(measurements: pd.DataFrame) -> tuple[Criterion, ...]:
    """Accuracy under every disturbance that all precisions met, each averaged over its levels, in order of appearance.

    The accuracy that is left, not the accuracy that is lost: a classifier that always says the same loses nothing.
    Float networks meet flips of stored codes as those of their float32 words. What a precision cannot suffer (float
    networks have no scales to flip) is no criterion, for it would have to call that precision failed; a precision
    without any accuracy in the family did fail, and says so in every criterion.
    """
    rows = measurements[measurements.family.isin(DISTURBANCES) & (measurements.measure == "accuracy")]
    rows = rows[["task", "family", "condition", "precision"]].drop_duplicates()
    bare = rows.condition.str.removeprefix(WORDS)
    rows = rows.assign(condition=bare.where(bare.isin(TWINS), rows.condition)).drop_duplicates()
    met = rows.groupby(["task", "family"])["precision"].nunique()
    shares = rows.groupby(["family", "condition", "task"], sort=False)["precision"].nunique()
    by_all = {
        key: all(count == met[task, key[0]] for (*_, task), count in group.items())
        for key, group in shares.groupby(level=["family", "condition"], sort=False)
    }
    return tuple(
        Criterion(
            f"accuracy_{condition}", f"accuracy under {condition_label(condition)}", family, "accuracy", condition
        )
        for family, condition in rows[["family", "condition"]].drop_duplicates().itertuples(index=False)
        if by_all[family, condition] and not condition.startswith(WORDS)
    )


def display(criterion_name: str, value: float | None) -> str:
    """A criterion's value as people read it: bits with separators, accuracies in per cent."""
    if value is None or value != value:
        return "no number"
    return f"{value:,.0f} bits" if criterion_name == SIZE.name else f"{100 * value:.1f} %"


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
        measurements: The long table.
        criterion: What to read. Over several levels the plain mean is taken; it exists only where every level that
            this precision was disturbed with is ``ok``: a mean over the levels that happened to work would flatter.

    Returns:
        One row per cell: the cell's columns, ``value`` (NaN where there is none), ``standard_error`` (of the rows
        themselves, that is over draws or probes), ``status``.
    """
    condition = pd.Series(criterion.condition, index=measurements.index)
    if criterion.condition in TWINS:
        condition = condition.where(measurements.method != "float", f"{WORDS}{criterion.condition}")
    rows = measurements[
        (measurements.family == criterion.family)
        & (measurements.measure == criterion.measure)
        & (measurements.condition == condition)
        & (measurements.reference == "")
    ]
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
    status = merged.bad.where(merged.bad.notna(), np.where(complete, "ok", "failed")).astype(str)
    good = status == "ok"
    return all_cells.assign(
        value=(merged.total / merged["rows"]).where(good),
        standard_error=(np.sqrt(merged.variance) / merged["rows"]).where(good),
        status=status,
    )


def measured_levels(measurements: pd.DataFrame, *, family: str, conditions: Sequence[str]) -> list[float]:
    """The levels at which these conditions were measured, ascending."""
    rows = measurements[(measurements.family == family) & measurements.condition.isin(list(conditions))]
    return sorted(float(level) for level in rows.level.dropna().unique())
