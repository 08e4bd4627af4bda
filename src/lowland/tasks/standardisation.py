"""Features as a network gets them: on the scale of the training rows, without gaps and far tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lowland.tasks.preprocessing import Feature, TablePreprocessing, Target
from lowland.tasks.scale import mean_and_spread


def standardisation(
    training: NDArray[np.float64],
    units: Mapping[str, str | None],
    target: Target,
    *,
    clip_quantile: float = 0.0,
    fill_gaps: bool = False,
    missing_codes: Sequence[bool | int | float | str] = (),
) -> TablePreprocessing:
    """Shift and scale that give the training rows zero mean and unit standard deviation in every feature.

    Features are cut off at training quantiles first, and gaps filled with the mean of what is left. A feature that is
    constant in training is 0 in every row: nothing was learned about its other values.

    Args:
        training: [n, features], NaN where missing; every feature has a value.
        units: Name and unit of every feature, in order.
        target: What the network's outputs mean.
        clip_quantile: Where features are cut off, from both ends; 0: nowhere.
        fill_gaps: Whether a missing value counts as the training mean; else none may be missing.
        missing_codes: Values that stand for a missing one.
    """
    cut = training
    if clip_quantile:
        ends = np.nanquantile(training, [clip_quantile, 1 - clip_quantile], axis=0)
        cut = training.clip(*ends)
    gaps = np.nanmean(cut, axis=0)
    filled = np.where(np.isnan(training), gaps, cut)
    varies = np.ptp(filled, axis=0) > 0
    mean, spread = mean_and_spread(filled)
    spread = np.where(varies, spread, 0.0)
    features = [
        Feature(
            name=name,
            unit=unit,
            mean=float(mean[place]),
            scale=float(spread[place]) or 1.0,
            lowest=float(ends[0, place]) if clip_quantile else None,
            highest=float(ends[1, place]) if clip_quantile else None,
            gap=float(gaps[place]) if fill_gaps else None,
            constant=not bool(varies[place]),
        )
        for place, (name, unit) in enumerate(units.items())
    ]
    return TablePreprocessing(features=tuple(features), missing_codes=tuple(missing_codes), answer=target)


def unscaled(preprocessing: TablePreprocessing) -> TablePreprocessing:
    """The same without shift and scale: features in their own units, gaps and tails treated alike.

    Args:
        preprocessing: From ``standardisation``.
    """
    plain = {"mean": 0.0, "scale": 1.0, "constant": False}
    features = tuple(feature.model_copy(update=plain) for feature in preprocessing.features)
    return preprocessing.model_copy(update={"features": features})
