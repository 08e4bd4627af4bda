"""How a layer codes what it reads so that few values spoil the codes of many."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.dynamic.outliers import outliers_of, parted


@dataclass(frozen=True)
class Guard:
    """What is done to the values that a layer reads before they are coded, whatever their width is.

    Attributes:
        low: Values below are raised to it.
        high: Values above are lowered to it.
        outlier_share: Largest share, by magnitude, of the values that have one range, which are coded apart from the
            others in the layer's own width.
    """

    low: float = -math.inf
    high: float = math.inf
    outlier_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what would leave no value as it is."""
        outliers_of(1, self.outlier_share)
        if not self.low <= 0 <= self.high:
            raise LowlandError(f"range is {self.low} to {self.high}; expected one that includes 0")

    def clipped(self, values: Tensor) -> Tensor:
        """The values inside the range; without a range the same tensor."""
        if math.isinf(self.low) and math.isinf(self.high):
            return values
        return values.clamp(self.low, self.high)

    def parted(self, values: Tensor, *, row_dims: int) -> tuple[Tensor, Tensor]:
        """The values without outliers, and the outliers."""
        return parted(values, self.outlier_share, row_dims=row_dims)
