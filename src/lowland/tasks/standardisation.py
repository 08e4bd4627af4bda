"""Features as a network gets them: on the scale of the training rows, without gaps and far tails."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lowland.tasks.scale import mean_and_spread
from lowland.tasks.task import Rows


class Standardiser:
    """Shift and scale that give the training set zero mean and unit standard deviation in every feature.

    A feature that is constant in training is only shifted: dividing by its zero spread would make it NaN.
    """

    def __init__(self, training: NDArray[np.float64]) -> None:
        self.mean, spread = mean_and_spread(training)
        self.scale = np.where(spread > 0, spread, 1.0)

    @property
    def zero(self) -> torch.Tensor:
        """Where a feature of 0 lies [features], in float32."""
        return torch.from_numpy((-self.mean / self.scale).astype(np.float32))

    def rows(self, features: NDArray[np.float64], labels: NDArray[np.int64] | NDArray[np.floating]) -> Rows:
        """Standardised rows in float32, and the labels as they are."""
        return Rows(
            torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32)), torch.from_numpy(labels.copy())
        )


class Preparation:
    """Features as the network gets them: cut off at training quantiles, gaps at the training mean, standardised.

    A feature that is constant in training is 0 in every row: nothing was learned about its other values.

    Args:
        training: [n, features], NaN where missing; every feature has a value.
        clip_quantile: Where features are cut off, from both ends; 0: nowhere.
    """

    def __init__(self, training: NDArray[np.float64], *, clip_quantile: float) -> None:
        ends = np.full((2, training.shape[1]), [[-np.inf], [np.inf]])
        self.ends = np.nanquantile(training, [clip_quantile, 1 - clip_quantile], axis=0) if clip_quantile else ends
        self.gap = np.nanmean(training.clip(*self.ends), axis=0)
        self.standardiser = Standardiser(self._filled(training))
        self.varies = np.ptp(self._filled(training), axis=0) > 0

    def _filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isnan(features), self.gap, features.clip(*self.ends))

    @property
    def zero(self) -> torch.Tensor:
        """Where a feature of 0 lies [features], in float32, beyond the ends too: gains turn about what sensors read."""
        return torch.where(torch.from_numpy(self.varies), self.standardiser.zero, 0.0)

    def rows(self, features: NDArray[np.float64], targets: NDArray[np.int64] | NDArray[np.floating]) -> Rows:
        """The network's inputs in float32, and the targets as they are."""
        inputs, targets_there = self.standardiser.rows(self._filled(features), targets)
        return Rows(torch.where(torch.from_numpy(self.varies), inputs, 0.0), targets_there)
