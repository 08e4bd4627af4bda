"""Steps that move integers without computing with them: shapes, orders, parts, margins, repetitions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.graph.plain_step import PlainStep


class Reshape(PlainStep):
    """The same numbers in the shape [rows, *shape]; one size may be -1."""

    kind = "reshape"

    def __init__(self, name: str, inputs: tuple[str, ...], *, shape: Sequence[int]) -> None:
        super().__init__(name, inputs, shape=list(shape))

    @staticmethod
    def function(*values: Tensor, shape: Sequence[int]) -> Tensor:
        """Each row in its new shape."""
        return values[0].reshape(len(values[0]), *shape)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The step size, one for all."""
        return self._scalar(scales[0])


class Permute(PlainStep):
    """Dimensions in another order; rows stay first.

    Raises:
        LowlandError: Rows would move.
    """

    kind = "permute"

    def __init__(self, name: str, inputs: tuple[str, ...], *, dims: Sequence[int]) -> None:
        if not dims or dims[0] != 0:
            raise LowlandError(f"dims of step {name!r} are {list(dims)}; expected rows (0) first")
        super().__init__(name, inputs, dims=list(dims))

    @staticmethod
    def function(*values: Tensor, dims: Sequence[int]) -> Tensor:
        """The numbers in the new order of dimensions."""
        return values[0].permute(*dims)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The step size, one for all."""
        return self._scalar(scales[0])


class Slice(PlainStep):
    """Part of a dimension: from ``start`` to before ``stop`` in steps, or the single place ``index``, which drops it.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        dim: Which dimension; not that of the rows.
        start: First place, 0 without it; places count from the end where negative.
        stop: Place behind the last, the end without it.
        step: From one place to the next, at least 1.
        index: The one place, instead of the other three.

    Raises:
        LowlandError: Rows would be chosen, or both ways are given.
    """

    kind = "slice"

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        dim: int,
        start: int | None = None,
        stop: int | None = None,
        step: int = 1,
        index: int | None = None,
    ) -> None:
        if dim == 0 or step < 1 or (index is not None and (start, stop, step) != (None, None, 1)):
            raise LowlandError(
                f"step {name!r} takes dim {dim}, start {start}, stop {stop}, step {step}, index {index}; expected a "
                "dimension behind the rows, steps of at least 1, and either an index or a range"
            )
        part = {"start": start, "stop": stop, "step": step} if index is None else {"index": index}
        super().__init__(name, inputs, dim=dim, **part)

    @staticmethod
    def function(
        *values: Tensor,
        dim: int,
        start: int | None = None,
        stop: int | None = None,
        step: int = 1,
        index: int | None = None,
    ) -> Tensor:
        """The part."""
        if index is not None:
            return values[0].select(dim, index)
        places = [slice(None)] * values[0].ndim
        places[dim] = slice(start, stop, step)
        return values[0][tuple(places)]

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The step size, one for all."""
        return self._scalar(scales[0])


class Pad(PlainStep):
    """A margin of zeros; ``pad`` begins with the last dimension, as in torch."""

    kind = "pad"

    def __init__(self, name: str, inputs: tuple[str, ...], *, pad: Sequence[int]) -> None:
        super().__init__(name, inputs, pad=list(pad))

    @staticmethod
    def function(*values: Tensor, pad: Sequence[int]) -> Tensor:
        """The numbers within their margin."""
        return functional.pad(values[0], tuple(pad))

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The step size; one a channel where the margin lies around each channel."""
        inside = len(self.arguments["pad"]) // 2 < scales[0].ndim
        return scales[0] if inside else self._scalar(scales[0])


class Upsample(PlainStep):
    """Every number of [samples, channels, ...] repeated so many times along each of the last dimensions."""

    kind = "upsample"

    def __init__(self, name: str, inputs: tuple[str, ...], *, factors: Sequence[int]) -> None:
        super().__init__(name, inputs, factors=list(factors))

    @staticmethod
    def function(*values: Tensor, factors: Sequence[int]) -> Tensor:
        """The larger picture."""
        value = values[0]
        for place, factor in enumerate(factors):
            value = value.repeat_interleave(factor, dim=place - len(factors))
        return value

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The step size; one a channel where channels are not repeated."""
        inside = len(self.arguments["factors"]) < scales[0].ndim
        return scales[0] if inside else self._scalar(scales[0])
