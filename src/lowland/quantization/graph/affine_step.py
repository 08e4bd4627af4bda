"""The affine step: a factor and a shift a channel, in codes."""

from __future__ import annotations

from torch import Tensor

from lowland.quantization.graph.weighted_step import Weighted


class AffineStep(Weighted):
    """accumulator = w * codes + b along one dimension, element by element."""

    kind = "affine"

    def result_scale(self, scale: Tensor) -> Tensor:
        """The accumulator's step size, in a shape that multiplies the accumulators."""
        own = self.output_scale
        return own.reshape(-1, *[1] * (-1 - self.sizes["dim"])) if own.ndim else own
