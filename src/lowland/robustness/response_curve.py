"""The mean of a metric over the levels of a disturbance, with its errors and how they go together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowland.errors import LowlandError


@dataclass(frozen=True, eq=False)
class ResponseCurve:
    """A metric at several levels of a disturbance.

    Attributes:
        levels: From the mildest to the worst [levels], at least two, strictly rising (noise) or strictly falling
            (bits); at least 0.
        means: Metric at each level [levels], over draws or seeds.
        standard_errors: Of the means [levels]. NaN (one draw only) leaves intervals open.
        num_samples: Draws or seeds behind every mean, at least 1.
        correlations: Of the errors at neighbouring levels [levels - 1], -1 to 1. Draws common to all levels make them
            high. 1 never understates the error between two levels: where it is less, intervals are wider than need be.
    """

    levels: np.ndarray
    means: np.ndarray
    standard_errors: np.ndarray
    num_samples: int
    correlations: np.ndarray

    @classmethod
    def of(
        cls,
        levels: Sequence[float],
        means: Sequence[float],
        standard_errors: Sequence[float],
        *,
        num_samples: int,
        correlation: float | Sequence[float] = 1.0,
    ) -> ResponseCurve:
        """A curve of numbers that were checked; ``correlation`` is one for all neighbours or one for each pair.

        Raises:
            LowlandError: Unequal lengths, fewer than two levels, levels out of order or negative, an error below 0, no
                samples, or a correlation out of range.
        """
        x, y, errors = _checked(levels, means, standard_errors)
        if num_samples < 1:
            raise LowlandError(f"num_samples is {num_samples}; expected at least 1")
        return cls(x, y, errors, num_samples, _checked_correlations(correlation, len(x) - 1))

    @classmethod
    def of_draws(cls, levels: Sequence[float], draws: Sequence[Sequence[float]] | np.ndarray) -> ResponseCurve:
        """The mean of curves drawn with common random numbers, their correlation over the levels taken as it is.

        Args:
            levels: As above.
            draws: Metric of every draw or seed at every level [draws][levels], independent from draw to draw.

        Raises:
            LowlandError: As ``of``; draws that do not have one value a level.
        """
        values = np.asarray(draws, dtype=np.float64)
        if values.ndim != 2 or not len(values):
            raise LowlandError(f"draws have shape {values.shape}; expected [draws, levels] with at least one draw")
        count, width = values.shape
        deviations = values - values.mean(axis=0)
        covariance = deviations.T @ deviations / max(count - 1, 1) / count
        errors = np.sqrt(np.diag(covariance)) if count > 1 else np.full(width, math.nan)
        products = errors[1:] * errors[:-1]
        neighbours, nothing = np.diag(covariance, 1), np.zeros_like(products)
        between = np.divide(neighbours, products, out=nothing, where=products > 0).clip(-1, 1)
        return cls.of(
            levels,
            values.mean(axis=0).tolist(),
            errors.tolist(),
            num_samples=count,
            correlation=between.tolist(),
        )


def _checked(*columns: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, errors = (np.asarray(column, dtype=np.float64) for column in columns)
    if not x.shape == y.shape == errors.shape or x.ndim != 1 or len(x) < 2:
        raise LowlandError(
            f"levels, means and standard_errors have shapes {x.shape}, {y.shape} and {errors.shape}; expected equal "
            "lengths of at least 2"
        )
    steps = np.diff(x)
    if not np.isfinite(x).all() or (x < 0).any() or not ((steps > 0).all() or (steps < 0).all()):
        raise LowlandError(f"levels are {x.tolist()}; expected them at least 0, strictly from the mildest to the worst")
    if (errors < 0).any():
        raise LowlandError(f"standard_errors are {errors.tolist()}; expected none below 0")
    return x, y, errors


def _checked_correlations(correlation: float | Sequence[float], count: int) -> np.ndarray:
    between = np.asarray(correlation, dtype=np.float64)
    if between.shape not in ((), (count,)) or not (np.abs(between) <= 1).all():
        raise LowlandError(f"correlation is {correlation}; expected -1 to 1, one number or {count} between the levels")
    return np.broadcast_to(between, (count,))
