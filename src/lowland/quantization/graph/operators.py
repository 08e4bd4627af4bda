"""What networks do between their layers, as layers: sums, products, changes of shape."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Add(nn.Module):
    """The sum of two or more values."""

    def forward(self, *values: Tensor) -> Tensor:
        """Values of shapes that go together."""
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total


class Concat(nn.Module):
    """Values side by side.

    Args:
        dim: Along which dimension, rows being 0.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *values: Tensor) -> Tensor:
        """Values that have equal sizes but for this dimension."""
        return torch.cat(values, self.dim)


class Multiply(nn.Module):
    """The product of two values."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Values of shapes that go together."""
        return first * second


class Rescale(nn.Module):
    """A multiplication by one number.

    Args:
        factor: Of any sign, not 0.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape."""
        return values * self.factor


class Mean(nn.Module):
    """The mean over dimensions.

    Args:
        dims: Which, negative from the end; never rows.
        keepdim: Whether they stay, of size 1.
        count: Number of values in each mean.
    """

    def __init__(self, dims: Sequence[int], keepdim: bool, count: int) -> None:
        super().__init__()
        self.dims, self.keepdim, self.count = tuple(dims), keepdim, count

    def forward(self, values: Tensor) -> Tensor:
        """Values [rows, ...]."""
        return values.mean(self.dims, self.keepdim)


class Reshape(nn.Module):
    """Another shape behind the rows.

    Args:
        shape: Sizes; one may be -1.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, values: Tensor) -> Tensor:
        """Values [rows, ...]."""
        return values.reshape(len(values), *self.shape)


class Permute(nn.Module):
    """Another order of dimensions.

    Args:
        dims: All of them, rows first.
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = tuple(dims)

    def forward(self, values: Tensor) -> Tensor:
        """Values with as many dimensions."""
        return values.permute(self.dims)


class Slice(nn.Module):
    """A part of one dimension.

    Args:
        dim: Which, never rows.
        start: First place; negative from the end.
        stop: Behind the last place; ``None`` for the end.
        step: From place to place, above 0.
    """

    def __init__(self, dim: int, start: int | None = None, stop: int | None = None, step: int | None = None) -> None:
        super().__init__()
        self.dim, self.start, self.stop, self.step = dim, start, stop, step

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape."""
        index = [slice(None)] * values.ndim
        index[self.dim] = slice(self.start, self.stop, self.step)
        return values[tuple(index)]


class Select(nn.Module):
    """One place of one dimension, which is gone then.

    Args:
        dim: Which, never rows.
        index: The place; negative from the end.
    """

    def __init__(self, dim: int, index: int) -> None:
        super().__init__()
        self.dim, self.index = dim, index

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape."""
        return values.select(self.dim, self.index)


class Pad(nn.Module):
    """Zeros around the values.

    Args:
        padding: Numbers before and after, the last dimension first, as ``torch.nn.functional.pad`` has them.
    """

    def __init__(self, padding: Sequence[int]) -> None:
        super().__init__()
        self.padding = tuple(padding)

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape."""
        return functional.pad(values, self.padding)


class Affine(nn.Module):
    """Each channel times a number of its own, plus another.

    Args:
        weight: [channels].
        bias: [channels], or ``None``.
        dim: Which dimension the channels are, rows being 0.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, values: Tensor) -> Tensor:
        """Values with as many channels."""
        shape = [1] * values.ndim
        shape[self.dim] = -1
        scaled = values * self.weight.reshape(shape)
        return scaled if self.bias is None else scaled + self.bias.reshape(shape)
