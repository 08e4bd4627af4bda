"""From cells to configurations: means over a handful of seeds, with t-intervals, for comparisons and for thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.conditions import codes_targets, is_logarithmic
from lowland.analysis.criteria import CONFIGURATION, SIZE, Criterion, clean_criterion, criterion_values, of_the_whole
from lowland.analysis.intervals import Ends, bounded_interval, normal_quantile, t_quantile
from lowland.analysis.score import Score, score_of
from lowland.measurements import IMPORTED
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.measures import MEASURES, SCORES


def over_seeds(
    values: pd.DataFrame, *, by: Sequence[str], confidence: float = 0.95, ends: Ends = "none"
) -> pd.DataFrame:
    """Mean and t-interval over seeds.

    mean ± t(n - 1)·s/√n over the n seeds that gave a number. No bootstrap: with three seeds a nominal 95 % bootstrap
    interval covers 67 %. The interval speaks of training again with other seeds; what all cells share (the same test
    rows, the same draws of the disturbance) is not in it, which is right for comparing them. The interval is bent so
    that it ends where the values do (``bounded_interval``).

    Args:
        values: One row per cell with ``value`` and ``status``.
        by: Columns that name a configuration (and what is averaged).
        confidence: Between 0 and 1.
        ends: Where the values end.

    Returns:
        One row per configuration in order of appearance: ``mean``, ``low``, ``high`` (NaN with fewer than two good
        seeds), ``half`` (of the plain interval, before it is bent), ``num_seeds`` (good ones), ``num_not_ok``.
    """
    good = values.assign(good=values.value.where(values.status == "ok"))
    frame = (
        good.groupby(list(by), sort=False, dropna=False)["good"]
        .agg(mean="mean", spread="std", num_seeds="count", total="size")
        .reset_index()
    )
    count = frame.num_seeds.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = t_quantile(confidence, count - 1) * frame.spread / np.sqrt(count)
    low, high = bounded_interval(frame["mean"], half, ends=ends)
    return frame.assign(low=low, high=high, half=half, num_not_ok=frame.total - frame.num_seeds)[
        [*by, "mean", "low", "high", "half", "num_seeds", "num_not_ok"]
    ]


def configurations(measurements: pd.DataFrame, criteria: Sequence[Criterion]) -> pd.DataFrame:
    """Every configuration by every criterion, with t-intervals over its seeds.

    Half-lives whose levels span decades are averaged in the logarithm. The size is counted, not estimated: its interval
    is the smallest and the largest of the seeds (biases take the width that their codes need, so seeds differ by a few
    bits). A network from outside is all that there is of it: its interval over seeds is its value.

    Returns:
        One row per configuration and criterion: task, recipe, precision, method, weight_bits, ``criterion`` (its
        name), mean, low, high, half, num_seeds, num_not_ok.
    """
    parts = []
    for criterion in criteria:
        values = _values(measurements, criterion)
        ends = Score.named(criterion.measure).ends if criterion.measure in SCORES else "none"
        part = over_seeds(values, by=CONFIGURATION, ends=ends).assign(criterion=criterion.name)
        part.loc[part.method == IMPORTED, ["low", "high", "half"]] = _of_one_network(part)
        if by_ratio(criterion):
            part = part.assign(**{name: np.exp(part[name]) for name in ("mean", "low", "high")})
        if criterion.name == SIZE.name:
            ends = values.groupby(CONFIGURATION, sort=False)["value"].agg(low="min", high="max").reset_index()
            part = part.assign(low=ends.low, high=ends.high)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _of_one_network(part: pd.DataFrame) -> NDArray[np.float64]:
    """Ends and half of the intervals of networks that no training repeats; NaN where there is no number."""
    means = part.loc[part.method == IMPORTED, "mean"].to_numpy(dtype=float)
    return np.stack([means, means, 0 * means], axis=1)


def by_ratio(criterion: Criterion) -> bool:
    """Whether seeds are averaged in the logarithm, as half-lives are whose levels span decades.

    Args:
        criterion: What is averaged.
    """
    return criterion.measure == "half_life" and is_logarithmic(criterion.condition)


def by_seed(measurements: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The criterion of every cell, on the scale on which seeds are averaged.

    Args:
        measurements: The long table of one task.
        criterion: What is compared.

    Returns:
        [configurations, seeds], indexed as ``configurations`` names them; NaN where there is no number.
    """
    values = _values(measurements, criterion)
    good = values.assign(value=values.value.where(values.status == "ok"))
    return good.pivot(index=CONFIGURATION, columns="seed", values="value")


def _values(measurements: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The criterion of every cell on the scale on which seeds are averaged, with standard errors to first order."""
    values = criterion_values(measurements, criterion)
    if not by_ratio(criterion):
        return values
    with np.errstate(divide="ignore", invalid="ignore"):  # a half-life before the first level counts as 0
        return values.assign(value=np.log(values.value), standard_error=values.standard_error / values.value)


def with_test_rows(
    numbers: pd.DataFrame, measurements: pd.DataFrame, criteria: Sequence[Criterion], *, confidence: float = 0.95
) -> pd.DataFrame:
    """The intervals to hold against a threshold: over seeds, test rows and the draws of the disturbance.

    Half of it is √(h² + z²·(r² + e²)): h half of the interval over the seeds, r² the squared sampling error of the test
    rows and e² the mean over the cells of the squared standard error over draws; then it is bent so that it ends where
    the score does (``bounded_interval``). Of a share a of n rows r² is a(1 - a)/n. Of another score the long table
    holds r where nothing is drawn; where something is, r is taken as the same part of the mean as on the undisturbed
    rows. Whatever is disturbed with levels is the clean test set; a shifted set has rows of its own; of a mixture the
    fewest rows of a part count, and the largest relative error. All cells met the same rows and the same draws, so
    neither shows in the spread over seeds. Where nothing is drawn a score's own standard error is that of the test
    rows, which is not counted twice: it is one over draws where there are fewer samples than rows. Other rows and draws
    would move all configurations together, so this is the wrong interval for comparing them.

    Args:
        numbers: From ``configurations``.
        measurements: The long table of one task.
        criteria: What ``numbers`` is about. Of other measures than the score half is √(h² + z²·e²) with their own
            standard errors, over draws, test rows or probes; sizes have none.
        confidence: Between 0 and 1, that of ``numbers``.

    Returns:
        ``numbers`` with the wider interval as ``low`` and ``high`` (NaN where one of its parts is unknown) and the one
        over seeds alone as ``seeds_low`` and ``seeds_high``.
    """
    score = score_of(measurements)
    frame = numbers.assign(seeds_low=numbers.low, seeds_high=numbers.high)
    for criterion in criteria:
        rows = frame[frame.criterion == criterion.name]
        if criterion.measure != score.name:
            if MEASURES[criterion.measure].families != ("cost",):
                variance = _squared_errors(rows, measurements, criterion)
                half = np.sqrt(rows.half**2 + normal_quantile(confidence) ** 2 * variance)
                ratio = by_ratio(criterion)
                for name, end in (("low", -half), ("high", half)):
                    frame.loc[rows.index, name] = rows["mean"] * np.exp(end) if ratio else rows["mean"] + end
            continue
        parts = [part for part, _ in criterion.parts] or [criterion]
        sources = [_source(part, score) for part in parts]
        num_rows = min(_num_test_rows(measurements, source) for source in sources)  # NaN where one is not known
        drawn = measurements.num_samples < num_rows
        over_draws = measurements.assign(standard_error=measurements.standard_error.where(drawn, 0.0))
        variance = _squared_errors(rows, over_draws, criterion)
        own = 0.0
        if score.is_share:
            own = normal_quantile(confidence) ** 2 / num_rows
        elif num_rows != num_rows or not any(drawn[_about(measurements, part)].any() for part in parts):
            variance = _squared_errors(rows, measurements, criterion) + 0 * num_rows  # unknown where that is
        else:
            relative = [_squared_errors(rows, measurements, s) / _means(rows, measurements, s) ** 2 for s in sources]
            variance += np.max(relative, axis=0) * rows["mean"] ** 2
        half = np.sqrt(rows.half**2 + normal_quantile(confidence) ** 2 * variance)
        low, high = bounded_interval(rows["mean"], half, ends=score.ends, own=own)
        frame.loc[rows.index, "low"], frame.loc[rows.index, "high"] = low, high
    return frame


def _squared_errors(rows: pd.DataFrame, measurements: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """Mean squared standard error of each configuration's cells, for every row."""
    cells = _values(measurements, criterion)
    cells = cells[cells.status == "ok"]
    squares = cells.assign(square=cells.standard_error**2).groupby(CONFIGURATION, sort=False)["square"]
    return _of_rows(rows, squares.agg(lambda found: found.mean(skipna=False)))


def _means(rows: pd.DataFrame, measurements: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """Mean of each configuration's cells, for every row."""
    return _of_rows(rows, criterion_values(measurements, criterion).groupby(CONFIGURATION, sort=False)["value"].mean())


def _of_rows(rows: pd.DataFrame, known: pd.Series) -> pd.Series:
    return pd.Series(known.reindex(pd.MultiIndex.from_frame(rows[CONFIGURATION])).to_numpy(float), index=rows.index)


def _about(measurements: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """Rows of a criterion's family and condition."""
    return (
        (measurements.family == criterion.family)
        & (measurements.measure == criterion.measure)
        & (measurements.condition == criterion.condition)
        & (codes_targets(measurements.target) == criterion.target)
        & (measurements.split != "validation")
    )


def _source(criterion: Criterion, score: Score) -> Criterion:
    """The criterion whose test rows these are: a shifted set has its own, all else has those of the clean test set."""
    own = criterion.family == "shift" and not condition_named(criterion.condition).unit.name
    return criterion if own else clean_criterion(score)


def _num_test_rows(measurements: pd.DataFrame, source: Criterion) -> float:
    """How many test rows a score is a mean over: all cells see the same ones. NaN where that is not known."""
    rows = measurements[_about(measurements, source) & (measurements.status == "ok") & (measurements.num_samples > 0)]
    return float(of_the_whole(rows)["num_samples"].min())
