"""How well a score tells the rows on which two networks disagree, and whether another score does it better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from lowland.disagreement.bootstrap import resampled_areas, source_numbers
from lowland.disagreement.ranking import Ranking
from lowland.disagreement.rows import checked_scores
from lowland.errors import LowlandError
from lowland.estimate import Estimate

LEAST_POSITIVES = 10
"""Rows (or source rows) of either kind below which neither the area nor its error is worth a number."""


@dataclass(frozen=True, slots=True)
class DetectorComparison:
    """Two detectors of the same marked rows.

    Attributes:
        difference: AUROC of the first less that of the second.
        z: The difference in standard errors.
        p_value: Two-sided, of the hypothesis that both are equal.
    """

    difference: Estimate
    z: float
    p_value: float


def detection_auroc(
    scores: Tensor, disagree: Tensor, *, source_rows: Tensor | None = None, generator: torch.Generator | None = None
) -> Estimate:
    """Area under the receiver operating characteristic: how probably a marked row scores higher than another one.

    Equal scores count half. All rows enter as they are: nothing is balanced and nothing is trained.

    Args:
        scores: [rows], higher where a disagreement is expected, such as ``uncertainty``.
        disagree: Where the networks disagree [rows].
        source_rows: Number of the row that each row was made from [rows], where several are of one: draws of a
            disturbance, sets that hold the same rows shifted, seeds on the same rows. The error then is that of a
            bootstrap of source rows; DeLong's, which takes rows as independent, would be far too small.
        generator: Of the bootstrap.

    Returns:
        With its standard error (DeLong, or the bootstrap). ``undefined`` with fewer than 10 (source) rows of either
        kind; ``undefined`` with its value where the kinds are separated completely, which does not tell how far the
        area may be off; ``non_finite`` where a score is not finite.

    Raises:
        LowlandError: Other forms; one of ``source_rows`` and ``generator`` without the other.

    Source:
        DeLong et al., Biometrics 44 (1988) 837; midranks: Sun and Xu, IEEE Signal Process. Lett. 21 (2014) 1389.
    """
    return _contrasts([scores], disagree, np.ones((1, 1)), source_rows, generator)[0]


def compare_detectors(
    first: Tensor,
    second: Tensor,
    disagree: Tensor,
    *,
    source_rows: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> DetectorComparison:
    """Whether one score tells the marked rows better than another: DeLong's paired test.

    Args:
        first: Scores [rows].
        second: Scores of the same rows [rows].
        disagree: Where the networks disagree [rows].
        source_rows: See ``detection_auroc``: needed across sets, draws and seeds.
        generator: Of the bootstrap that then takes DeLong's place.

    Returns:
        The difference of the areas with its test; both are NaN where the difference has no standard error. Scores that
        rank alike differ by 0, z is 0 and the p-value 1; another difference without any spread (such as of a detector
        that is always right from one that is always wrong) is ``undefined``.

    Raises:
        LowlandError: As for ``detection_auroc``.

    Source:
        DeLong et al., Biometrics 44 (1988) 837, section 3.
    """
    (difference,) = _contrasts([first, second], disagree, np.array([[1.0, -1.0]]), source_rows, generator)
    if difference.status != "ok":
        return DetectorComparison(difference, math.nan, math.nan)
    z = difference.value / difference.standard_error if difference.standard_error else 0.0
    return DetectorComparison(difference, z, float(2 * norm.sf(abs(z))))


def detect_by_each(
    rankings: Mapping[str, Ranking], disagree: NDArray[np.bool_]
) -> dict[str, tuple[Estimate, Estimate]]:
    """``detection_auroc`` of several scores, and how far the first of them is ahead of each.

    Args:
        rankings: Of the rows by each score, by its name.
        disagree: Where the networks disagree [rows].

    Returns:
        By name the area, and that of the first less this one (``compare_detectors``).
    """
    count = len(rankings)
    ahead = np.eye(count)[[0]] - np.eye(count)
    found = _ranked_contrasts([*rankings.values()], disagree, np.concatenate([np.eye(count), ahead]))
    return dict(zip(rankings, zip(found[:count], found[count:], strict=True), strict=True))


def _contrasts(
    detectors: Sequence[Tensor],
    disagree: Tensor,
    contrasts: NDArray[np.float64],
    source_rows: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> list[Estimate]:
    """Linear combinations [combinations, detectors] of the detectors' areas with their standard errors."""
    if (source_rows is None) != (generator is None):
        raise LowlandError("source_rows and generator: got one without the other; expected both, or neither")
    checked = [checked_scores(each, disagree, "disagree") for each in detectors]
    rankings, marked = [Ranking.of(each) for each, _ in checked], checked[0][1].numpy()
    if source_rows is None or generator is None:
        return _ranked_contrasts(rankings, marked, contrasts)
    sources = source_numbers(source_rows, len(marked))
    kinds = [len(np.unique(sources[kind])) for kind in (marked, ~marked)]
    if missing := _missing(rankings, kinds):
        return [missing] * len(contrasts)
    above, _ = _placements(rankings, marked)
    drawn = resampled_areas(np.stack([each.numpy() for each, _ in checked]), marked, sources, generator)
    errors = np.nanstd(contrasts @ drawn, axis=1, ddof=1)
    return _estimates(contrasts, above.mean(axis=1), errors, len(marked))


def _ranked_contrasts(
    rankings: Sequence[Ranking], marked: NDArray[np.bool_], contrasts: NDArray[np.float64]
) -> list[Estimate]:
    """The same with DeLong's errors, of rows that are ranked already."""
    positives = int(marked.sum())
    if missing := _missing(rankings, [positives, len(marked) - positives]):
        return [missing] * len(contrasts)
    above, below = _placements(rankings, marked)
    parts = ((contrasts @ part).var(axis=1, ddof=1) / part.shape[1] for part in (above, below))
    return _estimates(contrasts, above.mean(axis=1), np.sqrt(sum(parts)), len(marked))


def _missing(rankings: Sequence[Ranking], kinds: Sequence[int]) -> Estimate | None:
    """What stands for an area that cannot be had; ``kinds`` are the numbers of (source) rows of either kind."""
    if not all(ranking.is_finite for ranking in rankings):
        return Estimate.missing("non_finite")
    return Estimate.missing("undefined") if min(kinds) < LEAST_POSITIVES else None


def _estimates(
    contrasts: NDArray[np.float64], areas: NDArray[np.float64], errors: NDArray[np.float64], rows: int
) -> list[Estimate]:
    """Contrasts of areas with their errors; areas of 0 and 1 have none, nor has a difference that never varies."""
    found = []
    for contrast, error in zip(contrasts, errors, strict=True):
        value, error = float(contrast @ areas), float(error)
        separated = value in (0.0, 1.0) if contrast.sum() == 1 else value != 0 == error
        found.append(Estimate(value, math.nan, rows, "undefined") if separated else Estimate(value, error, rows))
    return found


def _placements(
    rankings: Sequence[Ranking], marked: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which share of the other kind each marked row is above, and each other row below; equal scores count half.

    Args:
        rankings: One a detector.
        marked: [rows].

    Returns:
        [detectors, marked rows] and [detectors, other rows]; either mean over rows is the area.
    """
    above, below = [], []
    for ranking in rankings:
        positives = ranking.counts(marked)
        negatives = ranking.sizes - positives
        above.append(ranking.of_rows(_shares_below(negatives))[marked])
        below.append(1 - ranking.of_rows(_shares_below(positives))[~marked])
    return np.stack(above), np.stack(below)


def _shares_below(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which share of rows, counted by block, lies below each block, its own ones by half."""
    return (2 * counts.cumsum() - counts) / (2 * counts.sum())
