"""How good held-out predictions are: as numbers, as a choice, and as intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lowland.analysis.intervals import t_quantile
from lowland.analysis.rank_correlation import Array
from lowland.analysis.screening.folds import interval
from lowland.analysis.screening.models import ModelName

CONFIGURATION = ["task", "precision", "recipe", "family"]
Verdict = Literal["held", "not held", "cannot tell"]
MOST_LOST, LEAST_SAVED = 1.0, 0.5
"""Points of regret below which, and the share of the seconds above which, the promise is held."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What choosing by predictions costs.

    Attributes:
        regret: (T(best) - T(chosen)) / (T(best) - mean T), mean over tasks and precisions; 1 is a blind choice.
        points: T(best) - T(chosen) in the unit of the values, mean likewise.
        low: Of ``points``, lower end of a 95 % interval over families.
        high: Its upper end.
        hits: Share of the truly best 20 % among the predicted best 20 %.
        gap: T(best) - mean T: what there was to win.
        gap_low: Lower end of ``gap``, likewise.
        num_families: That the intervals are over.
    """

    regret: float
    points: float
    low: float
    high: float
    hits: float
    gap: float
    gap_low: float
    num_families: int


def r_squared(predicted: pd.DataFrame) -> float:
    """1 - Σ(y - ŷ)² / Σ(y - ȳ)², ȳ being the mean that the training folds had in the same precision.

    Args:
        predicted: From ``predictions``; y is ``test``.
    """
    total = ((predicted.test - predicted.expected) ** 2).sum()
    return float(1 - ((predicted.test - predicted.predicted) ** 2).sum() / total) if total > 0 else np.nan


def choice(predicted: pd.DataFrame, *, name: str = "predicted", top: float = 0.2) -> Choice:
    """What is lost by taking, in every task and precision, the recipe that is predicted best.

    Seeds are averaged. The truly best is found on ``selection`` rows; it, the chosen one and the mean are scored on
    ``test`` rows. Among recipes that are predicted alike any is taken: their mean counts. Intervals are those of the
    jackknife over families, about the value itself. A bootstrap would not do: its resamples hold fewer recipes, among
    which there is less to lose, and its upper end falls onto the value.

    Args:
        predicted: Cells with ``selection``, ``test`` and a column to choose by, the larger the better.
        name: Of that column.
        top: Share that counts as best.
    """
    means = predicted.groupby(CONFIGURATION, sort=False)[[name, "selection", "test"]].mean().reset_index()
    families = sorted(means.family.unique())
    groups = [group for _, group in means.groupby(["task", "precision"], sort=False)]
    points, gap = _mean_outcome(groups, families, name)
    without = np.array([_mean_outcome(groups, [f for f in families if f != out], name) for out in families])
    half = _half_widths(without)
    hits = float(np.mean([_hits(group, name, top) for group in groups]))
    # A ratio of means, not a mean of ratios: where there is nothing to win a ratio says nothing.
    regret = points / gap if gap > 0 else np.nan
    return Choice(regret, points, points - half[0], points + half[0], hits, gap, gap - half[1], len(families))


def _half_widths(without: Array) -> Array:
    """Of 95 % jackknife intervals, from what is left without each family [families, numbers]; NaN for fewer than 3."""
    count = len(without)
    if count < 3 or not np.isfinite(without).all():
        return np.full(without.shape[1], np.nan)
    variance = (count - 1) / count * ((without - without.mean(0)) ** 2).sum(0)
    return np.asarray(t_quantile(0.95, count - 1) * np.sqrt(variance))


def _mean_outcome(groups: Sequence[pd.DataFrame], families: Sequence[str], name: str) -> tuple[float, float]:
    """Regret and gap, on average over the groups with at least two recipes of these families."""
    outcomes = list(_outcomes(groups, set(families), name))
    if not outcomes:
        return np.nan, np.nan
    regret, gap = np.mean(outcomes, axis=0)
    return float(regret), float(gap)


def _outcomes(groups: Sequence[pd.DataFrame], families: set[str], name: str) -> Iterator[tuple[float, float]]:
    for group in groups:
        keep = group.family.isin(families).to_numpy()
        if keep.sum() < 2:
            continue
        said, known, told = (group[column].to_numpy()[keep] for column in (name, "selection", "test"))
        best, chosen = told[known == known.max()].mean(), told[said == said.max()].mean()
        yield best - chosen, best - told.mean()


def _hits(group: pd.DataFrame, name: str, top: float) -> float:
    count = max(1, round(top * len(group)))
    truly = set(group.nlargest(count, "selection").recipe)
    last = group[name].nlargest(count).iloc[-1]
    surely, tied = group[group[name] > last], group[group[name] == last]
    # Ties at the end share the places that are left.
    share = (count - len(surely)) / len(tied)
    return (len(truly & set(surely.recipe)) + share * len(truly & set(tied.recipe))) / count


def coverage(
    frame: pd.DataFrame, columns: Sequence[str], *, model: ModelName, confidence: float = 0.9
) -> tuple[float, float]:
    """How often CV+ intervals hold the truth of a family that they know nothing of.

    Args:
        frame: As for ``predictions``; the truth is ``test``.
        columns: The features.
        model: Which.
        confidence: Nominal.

    Returns:
        The mean over families of the share of their cells that are covered, and its standard error over families (NaN
        with one).
    """
    shares: Array = np.array(
        [
            _covered(frame, family, columns, model, confidence)
            for _, task in frame.groupby("task", sort=False)
            for family in task.family.unique()
            if task.family.nunique() > 2
        ]
    )
    if len(shares) == 0:
        return np.nan, np.nan
    error = shares.std(ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.nan
    return float(shares.mean()), float(error)


def _covered(frame: pd.DataFrame, family: str, columns: Sequence[str], model: ModelName, confidence: float) -> float:
    out = frame[frame.family == family]
    _, low, high = interval(frame[frame.family != family], columns, out, model=model, confidence=confidence)
    return float(((out.test >= low) & (out.test <= high)).mean())


def verdict(outcome: Choice, *, saved: float, in_points: bool) -> Verdict:
    """Whether the promise is held: less than one point lost, surely, at more than half of the seconds saved.

    Where recipes surely do not differ there is nothing to choose, and nothing is held; nor by an interval without
    width, which says that leaving out any one family changes nothing, not that nothing could.

    Args:
        outcome: Of the choice, over held-out families.
        saved: Share of the seconds.
        in_points: Whether values are shares.
    """
    if not in_points or not np.isfinite([outcome.low, outcome.high, saved]).all():
        return "cannot tell"
    if 100 * outcome.low >= MOST_LOST:
        return "not held"
    worth_it = outcome.gap_low > 0 and saved > LEAST_SAVED and outcome.high > outcome.low
    return "held" if worth_it and 100 * outcome.high < MOST_LOST else "cannot tell"
