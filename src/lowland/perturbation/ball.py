"""The ball that an adversary may not leave, and the one projection onto it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lowland.errors import LowlandError

Norm = Literal["linf", "l2"]
NORMS: tuple[Norm, ...] = ("linf", "l2")


@dataclass(frozen=True, eq=False)
class Ball:
    """All inputs within ‖(x' − x)/s‖ ≤ ε of a sample x, and within the range of inputs.

    Attributes:
        norm: ``linf`` (largest entry) or ``l2`` (Euclidean), over all entries of a sample.
        eps: Radius ε, at least 0, in units of ``scale``.
        scale: s, what one unit of ``eps`` is in every feature [features ...], such as the training standard deviations;
            None for the inputs' own units. A feature of scale 0 cannot change.
        value_range: Lowest and highest input there is (numbers or [features ...]); None for no limit. A sample that is
            itself outside may stay where it is, but is not pushed further out.
    """

    norm: Norm
    eps: float
    scale: Tensor | None = None
    value_range: tuple[Tensor | float, Tensor | float] | None = None

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise LowlandError(f"norm is {self.norm!r}; expected one of {', '.join(NORMS)}")
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise LowlandError(f"eps is {self.eps}; expected a radius, finite and at least 0")
        if self.scale is not None and not bool((self.scale.isfinite() & (self.scale >= 0)).all()):
            raise LowlandError("scale has entries that are negative or not finite; expected 0 or more of every feature")
        if self.value_range is not None:
            low, high = (torch.as_tensor(end) for end in self.value_range)
            if not bool((low <= high).all()):
                raise LowlandError(f"value_range is {self.value_range}; expected the lowest input, then the highest")

    def units(self, inputs: Tensor) -> Tensor:
        """``scale`` in float64, in a shape that broadcasts over the inputs [n, ...]."""
        if self.scale is None:
            return torch.ones((), dtype=torch.float64, device=inputs.device)
        return self.scale.to(device=inputs.device, dtype=torch.float64)

    def size(self, inputs: Tensor, attacked: Tensor) -> Tensor:
        """‖(x' − x)/s‖ of every sample [n] in float64; infinite where a feature of scale 0 has changed."""
        return self._lengths(self._in_units(inputs, attacked.double() - inputs.double()))

    def project(self, inputs: Tensor, change: Tensor) -> Tensor:
        """The inputs x' that a wanted change leads to, brought back into the ball and the range.

        The change is clipped (L∞) or shortened (L2) in float64. What is then lost to the inputs' floating-point format
        is rounded towards x, entry by entry, so that no x' lies outside by so much as a rounding error.

        Args:
            inputs: x [n, ...], floating point.
            change: Wanted x' − x [n, ...] in float64; entries that are no numbers count as 0.
        """
        unit = self.units(inputs)
        change = torch.where(unit > 0, change, 0.0).nan_to_num(nan=0.0)
        if self.norm == "linf":
            change = change.clamp(-self.eps * unit, self.eps * unit)
        else:
            length = self._lengths(self._in_units(inputs, change))
            shrink = torch.where(length > self.eps, self.eps * (1 - 1e-12) / length, 1.0)
            change = change * _per_row(shrink, inputs)
        return self._into_range(inputs, _added_towards(inputs, change))

    def _in_units(self, inputs: Tensor, change: Tensor) -> Tensor:
        unit = self.units(inputs)
        scaled = change / torch.where(unit > 0, unit, 1.0)
        return torch.where((unit > 0) | (change == 0), scaled, math.inf)

    def _lengths(self, scaled: Tensor) -> Tensor:
        entries = scaled.flatten(1)
        return entries.abs().amax(dim=1) if self.norm == "linf" else torch.linalg.vector_norm(entries, dim=1)

    def _into_range(self, inputs: Tensor, attacked: Tensor) -> Tensor:
        if self.value_range is None:
            return attacked
        low, high = (torch.as_tensor(end).to(inputs) for end in self.value_range)
        # Clamping moves an entry towards its sample as long as the sample is inside; hence the wider range for those
        # outside.
        return attacked.maximum(low.minimum(inputs)).minimum(high.maximum(inputs))


def _added_towards(inputs: Tensor, change: Tensor) -> Tensor:
    """The changed inputs in the format of the inputs, never further from them than the change says."""
    attacked = (inputs.double() + change).to(inputs.dtype)
    too_far = (attacked.double() - inputs.double()).abs() > change.abs()
    return torch.where(too_far, torch.nextafter(attacked, inputs), attacked)


def _per_row(values: Tensor, inputs: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (inputs.ndim - 1))
