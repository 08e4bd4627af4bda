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
from lowland.disagreement.rows import checked_scores
from lowland.disagreement.uncertainty_measures import ALIKE_OF_TWO_CLASSES, UncertaintyMeasure, uncertainty
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
        rank alike differ by 0, z is 0 and the p-value 1.

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


def detect_by_each(scores: Mapping[str, Tensor], disagree: Tensor) -> dict[str, tuple[Estimate, Estimate]]:
    """``detection_auroc`` of several scores, and how far the first of them is ahead of each, ranked once.

    Args:
        scores: [rows] by name.
        disagree: Where the networks disagree [rows].

    Returns:
        By name the area, and that of the first less this one (``compare_detectors``).
    """
    count = len(scores)
    ahead = np.eye(count)[[0]] - np.eye(count)
    found = _contrasts(list(scores.values()), disagree, np.concatenate([np.eye(count), ahead]))
    return dict(zip(scores, zip(found[:count], found[count:], strict=True), strict=True))


def compare_measures(
    logits: Tensor, disagree: Tensor, measures: tuple[UncertaintyMeasure, UncertaintyMeasure]
) -> DetectorComparison:
    """Whether one measure of uncertainty tells the marked rows better than another, within one network and set.

    Args:
        logits: [rows, classes] of the deployed network.
        disagree: Where it disagrees with its reference [rows].
        measures: The first is compared with the second.

    Raises:
        LowlandError: Two classes, for which all but the energy rank rows alike; other forms.
    """
    if logits.ndim == 2 and logits.shape[1] == 2 and ALIKE_OF_TWO_CLASSES.issuperset(measures):
        raise LowlandError(
            f"measures: got {' and '.join(measures)} of two classes, which rank all rows alike; expected three classes "
            "or more, or energy for one of them"
        )
    first, second = (uncertainty(logits, measure) for measure in measures)
    return compare_detectors(first, second, disagree)


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
    scores, marked = np.stack([each.numpy() for each, _ in checked]), checked[0][1].numpy()
    if not np.isfinite(scores).all():
        return [Estimate.missing("non_finite")] * len(contrasts)
    sources = None if source_rows is None else source_numbers(source_rows, len(marked))
    for kind in (marked, ~marked):
        if (kind.sum() if sources is None else len(np.unique(sources[kind]))) < LEAST_POSITIVES:
            return [Estimate.missing("undefined")] * len(contrasts)
    above, below = _placements(scores, marked)
    areas = above.mean(axis=1)
    if sources is None or generator is None:
        parts = ((contrasts @ part).var(axis=1, ddof=1) / part.shape[1] for part in (above, below))
        errors = np.sqrt(sum(parts))
    else:
        errors = np.nanstd(contrasts @ resampled_areas(scores, marked, sources, generator), axis=1, ddof=1)
    found = []
    for contrast, error in zip(contrasts, errors, strict=True):
        value = float(contrast @ areas)
        separated = contrast.sum() == 1 and value in (0.0, 1.0)
        found.append(
            Estimate(value, math.nan, len(marked), "undefined")
            if separated
            else Estimate(value, float(error), len(marked))
        )
    return found


def _placements(scores: NDArray[np.float64], marked: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Which share of the other kind each marked row is above, and each other row below.

    Args:
        scores: [detectors, rows].
        marked: [rows].

    Returns:
        [detectors, marked rows] and [detectors, other rows]; either mean over rows is the area.
    """
    positives, negatives = np.sort(scores[:, marked], axis=1), np.sort(scores[:, ~marked], axis=1)
    above = np.stack([_shares_below(own, other) for own, other in zip(scores[:, marked], negatives, strict=True)])
    below = np.stack([_shares_below(own, other) for own, other in zip(scores[:, ~marked], positives, strict=True)])
    return above, 1 - below


def _shares_below(values: NDArray[np.float64], ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which share of ordered numbers is below each value; equal ones count half."""
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))
