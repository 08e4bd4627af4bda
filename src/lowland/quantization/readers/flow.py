"""What a value of a foreign model is in integers while it is being read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import torch
from torch import Tensor

from lowland.coding.codes import code_range


class NotInteger(Exception):  # noqa: N818  # not an error of the program: a reason that the reader collects
    """What keeps a part of a model from being an integer network, and the way out."""


@dataclass(frozen=True)
class CodeRange:
    """What a foreign quantizer rounds to: integers that are carried as code minus zero point.

    Attributes:
        bits: Width of a word.
        signed: Whether codes have a sign.
        scale: Step size, float32, scalar.
        narrow: Whether the lowest code of a sign (the highest without) is never used.
        zero_point: The code of 0.
    """

    bits: int
    signed: bool
    scale: Tensor
    narrow: bool = False
    zero_point: int = 0

    @property
    def first(self) -> int:
        """The lowest integer that the word holds."""
        return code_range(self.bits, signed=self.signed)[0] - self.zero_point

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest integer that values are rounded to."""
        lowest, highest = code_range(self.bits, signed=self.signed)
        narrow = (lowest + self.narrow, highest) if self.signed else (lowest, highest - self.narrow)
        return narrow[0] - self.zero_point, narrow[1] - self.zero_point


@dataclass(frozen=True)
class Codes:
    """A tensor of weights in codes.

    Attributes:
        codes: Integers (int64).
        scale: Step size in float32, scalar or in a shape that multiplies the codes.
        bits: Two's complement width.
    """

    codes: Tensor
    scale: Tensor
    bits: int

    @property
    def values(self) -> Tensor:
        """Codes times scale, float64."""
        return self.codes.double() * self.scale.double()


@dataclass(frozen=True)
class Layer:
    """A layer with weights that has not become a step yet, so that factors and summands behind it can go into it.

    Attributes:
        name: Of the step.
        kind: A key of ``OPERATIONS``.
        sizes: See ``operations.geometry``.
        weight: In the shape of the layer's weights.
        origin: The constant of the file that they come from, which other layers may have as well.
    """

    name: str
    kind: str
    sizes: Mapping[str, Any]
    weight: Codes
    origin: object = None


ONE = torch.ones((), dtype=torch.float64)
ZERO = torch.zeros((), dtype=torch.float64)
UNLIMITED = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Flow:
    """A value: gain * (what the layer, if any, makes of the integers of a step) * scale + shift, then cut off.

    Attributes:
        source: Name of the step whose integers it comes from.
        kind: Whether the step gives floats, codes that layers may take, or accumulators that nobody has rounded.
        example: What the value is for some rows, before gain, shift and limits.
        scale: The step's own step size as the network computes it, float32, in a shape that multiplies.
        exact: The same in float64, as products of scales were before they were rounded.
        reach: The largest size that the integers can have, whatever bits flip.
        codes: What the integers are, if the source is a quantizer and nothing is pending.
        layer: Pending.
        gain: Pending, float64, a scalar or in a shape that multiplies.
        shift: Pending, likewise.
        limits: Pending: where values are cut off.
        function: Pending: a unary activation and its arguments.
        moves: Pending changes of shape, as kinds of steps and their arguments.
    """

    source: str
    kind: Literal["real", "codes", "accumulators"]
    example: Tensor
    scale: Tensor
    exact: Tensor
    reach: int = 0
    codes: CodeRange | None = None
    layer: Layer | None = None
    gain: Tensor = ONE
    shift: Tensor = ZERO
    limits: tuple[float, float] = UNLIMITED
    function: tuple[str, Mapping[str, Any]] | None = None
    moves: tuple[tuple[str, str, Mapping[str, Any]], ...] = field(default=())

    @property
    def shifted(self) -> bool:
        """Whether something is to be added."""
        return bool((self.shift != 0).any())

    @property
    def scaled(self) -> bool:
        """Whether something is to be multiplied."""
        return bool((self.gain != 1).any())

    @property
    def cut_off(self) -> bool:
        """Whether values are limited."""
        return self.limits != UNLIMITED

    def times(self, gain: Tensor, shift: Tensor) -> Self:
        """The flow times numbers plus others.

        Args:
            gain: In a shape that multiplies values of one row; float64.
            shift: Likewise.

        Raises:
            NotInteger: Values that were cut off or looked up before, and by then not rounded; numbers that are not
                finite.
        """
        if not bool(gain.isfinite().all() and shift.isfinite().all()):
            raise NotInteger("computes with constants that are not finite")
        if self.cut_off or self.function is not None:
            raise NotInteger("computes with values that were rectified and not quantized: quantize them first")
        return replace(self, gain=self.gain * gain, shift=self.shift * gain + shift)

    def limited(self, low: float, high: float) -> Self:
        """The flow cut off at two numbers."""
        if self.function is not None:
            raise NotInteger("takes an activation's results that nobody has quantized: quantize them first")
        before = self.limits
        bounds = (min(max(low, before[0]), before[1]), max(min(high, before[1]), before[0]))
        return replace(self, limits=bounds)
