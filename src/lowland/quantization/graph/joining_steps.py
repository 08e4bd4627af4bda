"""Steps with several inputs: sums and concatenations of codes at one shared scale, and products."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from lowland.quantization.graph.plain_step import PlainStep


class Add(PlainStep):
    """The sum of two or more results whose integers have one scale; shapes may be broadcast."""

    kind = "add"

    @staticmethod
    def function(*values: Tensor) -> Tensor:
        """The sum."""
        return reduce(torch.add, values)

    def carried(self, *values: Tensor) -> Tensor:
        """The sum in float64: float32 holds the addends, perhaps not their sum."""
        return reduce(torch.add, [value.to(torch.float64) for value in values])


class Concat(PlainStep):
    """Results whose integers have one scale, one behind the other along a dimension ``dim``."""

    kind = "concat"

    @staticmethod
    def function(*values: Tensor, dim: int) -> Tensor:
        """All of them in one tensor."""
        return torch.cat(values, dim)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The one step size that all inputs share."""
        return self._scalar(scales[0])


class Multiply(PlainStep):
    """The product of two results, element by element; shapes may be broadcast. Its scale is the product of theirs."""

    kind = "multiply"

    @staticmethod
    def function(*values: Tensor) -> Tensor:
        """The product."""
        first, second = values
        return first * second

    def carried(self, *values: Tensor) -> Tensor:
        """The product in float64."""
        first, second = values
        return first.to(torch.float64) * second.to(torch.float64)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The product of both step sizes."""
        first, second = scales
        return first * second
