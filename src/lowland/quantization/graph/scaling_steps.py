"""Steps that leave the factor to the scale: multiples and means."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.graph.plain_step import PlainStep


class Rescale(PlainStep):
    """A multiple: the integers times the sign of ``factor``, their step size times its size."""

    kind = "rescale"

    def __init__(self, name: str, inputs: tuple[str, ...], *, factor: float) -> None:
        if not (factor and abs(factor) < float("inf")):
            raise LowlandError(f"factor of step {name!r} is {factor}; expected a finite number other than 0")
        super().__init__(name, inputs, factor=factor)
        self.factor = factor

    @staticmethod
    def function(*values: Tensor, factor: float) -> Tensor:
        """The multiple of floats."""
        return values[0] * factor

    def integer(self, *codes: Tensor) -> Tensor:
        """The integers, or their opposites."""
        return codes[0] if self.factor > 0 else -codes[0]

    def carried(self, *values: Tensor) -> Tensor:
        """The same in floats."""
        return self.integer(*values)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The multiple's step size."""
        return scales[0] * abs(self.factor)


class Mean(PlainStep):
    """The mean over dimensions: the sum of the integers at a smaller scale.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        dims: Over which; counted from the last one where channels have scales of their own.
        keepdim: Whether they stay, of size 1.
        count: How many numbers are averaged.
    """

    kind = "mean"

    def __init__(
        self, name: str, inputs: tuple[str, ...], *, dims: Sequence[int], keepdim: bool = False, count: int
    ) -> None:
        super().__init__(name, inputs, dims=list(dims), keepdim=keepdim, count=count)
        self.count = count

    @staticmethod
    def function(*values: Tensor, dims: Sequence[int], keepdim: bool, count: int) -> Tensor:
        """The mean of floats."""
        return values[0].mean(tuple(dims), keepdim=keepdim)

    def integer(self, *codes: Tensor) -> Tensor:
        """Sums of the integers.

        Raises:
            LowlandError: Another number of them than the scale stands for.
        """
        sums = codes[0].sum(tuple(self.arguments["dims"]), keepdim=self.arguments["keepdim"])
        if sums.numel() * self.count != codes[0].numel():
            raise LowlandError(
                f"step {self.name!r} got values of shape {tuple(codes[0].shape)}; expected {self.count} numbers for "
                "each mean, as in the network that was frozen"
            )
        return sums

    def carried(self, *values: Tensor) -> Tensor:
        """The sums in float64."""
        return self.integer(values[0].to(torch.float64))

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The sum's step size: that of the integers divided by their number."""
        scale = scales[0].reshape(self.reduced(scales[0].shape)) if scales[0].ndim else scales[0]
        return scale / self.count

    def reduced(self, shape: Sequence[int]) -> list[int]:
        """The shape behind the rows of a step size once dimensions of size 1 are averaged away.

        Raises:
            LowlandError: A mean over numbers of different step sizes, or dimensions that cannot be told.
        """
        gone = []
        for dim in self.arguments["dims"]:
            if dim >= 0 or (dim >= -len(shape) and shape[dim] != 1):
                raise LowlandError(
                    f"step {self.name!r} averages over dimension {dim} of integers with one scale a channel; expected "
                    "one scale, or other dimensions, counted from the last one"
                )
            gone.append(len(shape) + dim)
        return [size for place, size in enumerate(shape) if self.arguments["keepdim"] or place not in gone]
