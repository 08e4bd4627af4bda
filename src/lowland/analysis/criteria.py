"""What a configuration is judged by: one number per cell, read from the long table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.conditions import KEYS, codes_targets
from lowland.analysis.score import Score
from lowland.measurements import HALVES, WITH_CODES
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.labels import condition_label

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
        parts: Of a mixture: what is averaged, and the share of each; the shares sum to 1.
    """

    name: str
    label: str
    family: str
    measure: str
    condition: str
    target: str = ""
    level: float | None = None
    higher_is_better: bool = True
    parts: tuple[tuple[Criterion, float], ...] = ()

    def towards(self, end: Literal["high", "low"]) -> Criterion:
        """The same with this end as the better one, under a name of its own where that is not its usual direction."""
        if self.higher_is_better == (end == "high"):
            return self
        return replace(self, name=f"{self.name}_{end}", higher_is_better=end == "high")


CLEAN = "score"  # name of the criterion of undisturbed test rows, whatever the score
SIZE = Criterion("size", "size", "cost", "size", "", higher_is_better=False)
OPERATIONS = Criterion("bit_operations", "bit operations", "cost", "bit_operations", "", higher_is_better=False)


def clean_criterion(score: Score) -> Criterion:
    """The score on undisturbed test rows."""
    return Criterion(
        CLEAN, f"clean {score.label}", "performance", score.name, "", higher_is_better=score.higher_is_better
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
    codes = codes_targets(rows.target)
    rows = rows.assign(target=codes)[(codes == "") | (codes == rows.target)].drop_duplicates()
    met = rows.groupby("family")["precision"].nunique()
    with_codes = rows[rows.method.isin(WITH_CODES)].groupby("family")["precision"].nunique()
    suffered = rows.groupby(KEYS, sort=False)["precision"].nunique()
    return tuple(
        _averaged(score, family, condition, target)
        for (family, condition, target), count in suffered.items()
        if count == (with_codes if _compared_by_codes(condition) else met)[family]
    )


def _averaged(score: Score, family: str, condition: str, target: str) -> Criterion:
    """The score under a disturbance, on average over all its levels."""
    name = "_".join(filter(None, [CLEAN, target, condition]))
    label = f"{score.label} under {condition_label(condition, target)}"
    return Criterion(name, label, family, score.name, condition, target, higher_is_better=score.higher_is_better)


def _compared_by_codes(condition: str) -> bool:
    """Whether float networks cannot meet it, though all that have codes are compared by it."""
    known = condition_named(condition)
    return known.needs_codes and known.representative


def cells(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every cell in the table, in order of appearance: neither ``pairs`` of seeds nor students."""
    is_cell = (measurements.seed != "pairs") & (measurements.precision != "")
    return measurements.loc[is_cell, CELL].drop_duplicates().reset_index(drop=True)


def of_the_whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows about the whole network: those without a target, or of the only target where a study had but one."""
    whole = rows.target == ""
    return rows[whole] if whole.any() or rows.target.nunique() > 1 else rows


def _with_bounds(rows: pd.DataFrame, *, falls: bool) -> pd.DataFrame:
    """Half-lives outside the levels as the worst that they can be: the last level, or nothing at all before the first.

    Where a lower level disturbs more, nothing bounds a half-life before the first level, and it stays undefined.
    """
    before = (rows.status == "undefined") & rows.value.notna() & (not falls)
    bound = (rows.status == "not_converged") | before
    return rows.assign(
        value=rows.value.mask(before, 0.0),
        standard_error=rows.standard_error.mask(bound, 0.0),
        status=rows.status.mask(bound, "ok"),
    )


def criterion_values(measurements: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The criterion of every cell.

    Args:
        measurements: The long table, with one half of the held-out rows (``on_split``). What was measured on
            validation rows is no criterion.
        criterion: What to read. Over several levels the plain mean is taken; it exists only where every level that
            this precision was disturbed with is ``ok``: a mean over the levels that happened to work would flatter.
            A half-life beyond the last level counts as that level, one before the first as 0.

    Returns:
        One row per cell: the cell's columns, ``value`` (NaN where there is none), ``standard_error`` (of the rows
        themselves, that is over draws or probes), ``status``.

    Raises:
        ValueError: Both halves are in the table.
    """
    if criterion.parts:
        return _mixed([(part, criterion_values(measurements, part), share) for part, share in criterion.parts])
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
        rows = rows[codes_targets(rows.target) == criterion.target]
    else:
        rows = of_the_whole(rows)
    if criterion.level is not None:
        rows = rows[np.isclose(rows.level, criterion.level, rtol=1e-9, atol=0)]
    if criterion.measure == "half_life":
        rows = _with_bounds(rows, falls=condition_named(criterion.condition).falls)
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
    meaningless = ~merged.method.isin(WITH_CODES) & _compared_by_codes(criterion.condition)
    missing = np.where(meaningless, "undefined", "failed")
    status = merged.bad.where(merged.bad.notna(), np.where(complete, "ok", missing)).astype(str)
    good = status == "ok"
    return all_cells.assign(
        value=(merged.total / merged["rows"]).where(good),
        standard_error=(np.sqrt(merged.variance) / merged["rows"]).where(good),
        status=status,
    )


def _mixed(parts: list[tuple[Criterion, pd.DataFrame, float]]) -> pd.DataFrame:
    """The mean of several criteria of every cell; there is one only where there are all of them.

    Levels of one condition share their draws, so that what is luck at one is luck at the others: their errors add.
    Those of different conditions are independent.
    """
    frame = parts[0][1]
    statuses = pd.DataFrame({place: values.status for place, (_, values, _) in enumerate(parts)})
    bad = statuses.where(statuses != "ok").bfill(axis=1)[0]
    errors: dict[str, NDArray[np.float64]] = {}
    for part, values, share in parts:
        errors[part.condition] = errors.get(part.condition, 0.0) + share * values.standard_error.to_numpy()
    return frame.assign(
        value=np.sum([share * values.value.to_numpy() for _, values, share in parts], axis=0),
        standard_error=np.sqrt(np.sum([error**2 for error in errors.values()], axis=0)),
        status=bad.fillna("ok").astype(str),
    )
