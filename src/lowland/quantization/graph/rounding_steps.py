"""Steps that round: floats to codes, accumulators to codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step

EXACT_BITS = 53
"""Integers of so many bits are exact in float64."""

PRODUCT_BITS = 62
"""Products of accumulator and multiplier stay below 2^62, so that rounding cannot leave 64 bits."""

_MULTIPLIER_BITS = 31


class Quantize(Step):
    """Floats to codes: clamp(round(x / scale), lowest, highest): of a sensor's readings, or behind a float step.

    With a zero point the integers that are carried are code minus zero point, so that 0 means 0 everywhere.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        bits: Width of the codes.
        signed: Whether codes are two's complement or unsigned.
        scale: Step size, scalar.
        lowest: The lowest integer where a zero point moves the range: minus the zero point; the highest is
            ``lowest`` + 2^bits - 1.
        clamp: Lowest and highest integer where not all of the word is used: a narrow range, a rectifier of signed
            codes.

    Raises:
        LowlandError: A clamp that the word does not hold.
    """

    kind = "quantize"
    rectifies: ClassVar[bool] = False  # unsigned codes of a sensor are no rectifier: dark pixels have a derivative

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        bits: int,
        signed: bool,
        scale: Tensor,
        lowest: int | None = None,
        clamp: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name, inputs)
        self.bits = bits
        self.signed = signed
        self.moved = lowest is not None
        self.first: int = code_range(bits, signed=signed)[0] if lowest is None else lowest
        word = (self.first, self.first + 2**bits - 1)
        self.clamp = None if clamp is None or tuple(clamp) == word else [int(bound) for bound in clamp]
        self.lowest: int
        self.highest: int
        self.lowest, self.highest = word if self.clamp is None else self.clamp
        if not word[0] <= self.lowest <= self.highest <= word[1]:
            raise LowlandError(
                f"clamp of step {name!r} is {self.clamp}; expected a range within {word[0]} to {word[1]}"
            )
        self.scale: Tensor
        self.register_buffer("scale", scale)

    @property
    def format(self) -> dict[str, Any]:
        """Width, signedness, the lowest code where a zero point moves it, a clamp: as the constructor takes them."""
        moved = {"lowest": self.first} if self.moved else {}
        clamped = {} if self.clamp is None else {"clamp": list(self.clamp)}
        return {"bits": self.bits, "signed": self.signed, **moved, **clamped}

    @property
    def result_codes(self) -> CodeFormat:
        """The codes that it rounds to."""
        return CodeFormat(self.bits, self.first, self.scale, self.signed and not self.moved)

    def settings(self) -> dict[str, Any]:
        """The format of the codes."""
        return self.format

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Quantize:
        """A quantizer without its scale."""
        return cls(name, inputs, scale=torch.zeros(()), **settings)

    def forward(self, values: Tensor) -> Tensor:
        """Codes * scale, by the operations of Brevitas in their order.

        Args:
            values: Floats of any shape.
        """
        return (values / self.scale).round_().clamp_(self.lowest, self.highest).mul_(self.scale)

    def integer(self, codes: Tensor) -> Tensor:
        """The codes of real inputs: the one place where integers come from floats (the sensor's converter).

        Args:
            codes: Floats of any shape.
        """
        return (codes / self.scale).round_().clamp_(self.lowest, self.highest).to(torch.int64)

    def carried(self, values: Tensor) -> Tensor:
        """The codes in float32."""
        return (values / self.scale).round_().clamp_(self.lowest, self.highest)

    def result_scale(self, scale: Tensor) -> Tensor:
        """The quantizer's own step size, whatever came in."""
        return self.scale

    def dequantized(self) -> nn.Module:
        """A straight-through quantizer."""
        behind_floats = self.inputs != (INPUTS,)  # those of a float step, rectified like accumulators
        rectifies = (self.rectifies or behind_floats) and self.lowest == 0 and not self.moved
        return StraightThrough(self.scale.clone(), self.lowest, self.highest, rectifies=rectifies)


class Requantize(Quantize):
    """Accumulators, or codes at another scale, to codes of an activation: clamp(round(integer * input scale / scale)).

    With unsigned codes the lower clamp is the rectifier; a range that a zero point moves is none. In integers the ratio
    of scales is a fixed-point number, multiplier / 2^shift (Jacob et al. 2018, arXiv:1712.05877, eq. 5-6), rounded half
    to even as in floats.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        bits: Width of the codes.
        signed: Whether codes are two's complement or unsigned.
        scale: Step size of the result, scalar.
        lowest: See ``Quantize``.
        clamp: See ``Quantize``.
        multiplier: Integers below 2^31: a scalar, or one per channel in a shape that multiplies the accumulators.
        shift: Integers of the same shape.
    """

    kind = "requantize"
    rectifies = True

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        bits: int,
        signed: bool,
        scale: Tensor,
        multiplier: Tensor,
        shift: Tensor,
        lowest: int | None = None,
        clamp: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name, inputs, bits=bits, signed=signed, scale=scale, lowest=lowest, clamp=clamp)
        self.multiplier: Tensor
        self.shift: Tensor
        self.register_buffer("multiplier", multiplier)
        self.register_buffer("shift", shift)

    def settings(self) -> dict[str, Any]:
        """The format of the codes; the shape of the multiplier where it is no scalar."""
        shape = {"multiplier_shape": list(self.multiplier.shape)} if self.multiplier.ndim else {}
        return {**super().settings(), **shape}

    @classmethod
    def empty(
        cls, name: str, inputs: tuple[str, ...], *, multiplier_shape: Sequence[int] = (), **settings: Any
    ) -> Requantize:
        """A quantizer without its scales."""
        zero = torch.zeros(tuple(multiplier_shape), dtype=torch.int64)
        return cls(name, inputs, scale=torch.zeros(()), multiplier=zero, shift=zero.clone(), **settings)

    def integer(self, codes: Tensor) -> Tensor:
        """Codes of the activation from accumulators (int64)."""
        product = codes * self.multiplier
        quotient = product >> self.shift
        remainder = product - (quotient << self.shift)
        half = torch.ones_like(self.shift) << (self.shift - 1)
        round_up = (remainder > half) | ((remainder == half) & (quotient & 1 == 1))
        return (quotient + round_up).clamp_(self.lowest, self.highest)

    def carried(self, values: Tensor) -> Tensor:
        """The same codes in float32, from one multiplication in float64.

        With q = accumulator * multiplier / 2^shift, of the size of a code: it is a multiple of 2^-shift, so it lies on
        a tie or at least 2^-shift from one, and float64 errs by at most 2^(bits - 53). Ties themselves are exact in
        float64, and what is larger than the codes ends at their bounds either way.
        """
        reach = max(-self.lowest, self.highest).bit_length()
        if int(self.shift.max()) + max(self.bits, reach) > EXACT_BITS - 1:
            return self.integer(values.to(torch.int64)).to(torch.float32)
        ratio = torch.ldexp(self.multiplier.to(torch.float64), -self.shift)
        return (values.to(torch.float64) * ratio).round_().clamp_(self.lowest, self.highest).to(torch.float32)

    def channel(self, index: int) -> Requantize:
        """The same step for a single channel of its input."""
        multiplier, shift = (values.flatten()[index if values.ndim else 0] for values in (self.multiplier, self.shift))
        return self.with_ratio(multiplier, shift)

    def with_ratio(self, multiplier: Tensor, shift: Tensor) -> Requantize:
        """An ordinary step with another fixed-point ratio."""
        settings = {**self.format, "scale": self.scale, "multiplier": multiplier, "shift": shift}
        return Requantize(self.name, self.inputs, **settings)


def fixed_point(ratio: float, *, accumulator_bits: int) -> tuple[Tensor, Tensor]:
    """A positive ratio as multiplier / 2^shift, as fine as 64-bit products allow.

    Args:
        ratio: Input scale / output scale, above 0.
        accumulator_bits: Width that holds every accumulator the multiplier will meet.

    Returns:
        Multiplier (at most 31 bits) and shift, int64 scalars.
    """
    width = min(_MULTIPLIER_BITS, PRODUCT_BITS - accumulator_bits)
    exponent = torch.frexp(torch.tensor(ratio, dtype=torch.float64)).exponent.item()
    # A shift of at least one keeps "half" an integer; it costs no accuracy that such large ratios could use.
    shift = min(max(width - int(exponent), 1), PRODUCT_BITS)
    return torch.tensor(round(ratio * 2**shift)), torch.tensor(shift)


def fixed_points(ratios: Tensor, *, accumulator_bits: int) -> tuple[Tensor, Tensor]:
    """``fixed_point`` of every ratio: multipliers and shifts in the ratios' shape.

    Args:
        ratios: Input scales / output scale, above 0, any shape.
        accumulator_bits: Width that holds every accumulator the multipliers will meet.
    """
    pairs = [fixed_point(float(ratio), accumulator_bits=accumulator_bits) for ratio in ratios.flatten()]
    multipliers, shifts = zip(*pairs, strict=True)
    return torch.stack(multipliers).reshape(ratios.shape), torch.stack(shifts).reshape(ratios.shape)


ZERO_MARGIN = 1e-5  # in steps of the output; float noise of a layer's sum is a hundred times smaller


class StraightThrough(nn.Module):
    """A quantizer whose derivative is 1 inside its range and 0 outside (Bengio et al. 2013, arXiv:1308.3432).

    Args:
        scale: Step size, scalar.
        lowest: Lowest code.
        highest: Highest code.
        rectifies: Whether it is a rectifier as well: the range is open at zero.
    """

    def __init__(self, scale: Tensor, lowest: int, highest: int, *, rectifies: bool) -> None:
        super().__init__()
        self.lowest = lowest
        self.highest = highest
        self.rectifies = rectifies
        self.scale: Tensor
        self.register_buffer("scale", scale)

    def forward(self, values: Tensor) -> Tensor:
        """Codes * scale.

        Args:
            values: Floats of any shape.
        """
        fixed = values.detach()
        codes = (fixed / self.scale).round()
        # At low bits integer sums are often exactly zero; without a margin the rounding noise of the floats would
        # decide whether such a rectifier is open, and with it the derivatives of whole layers.
        above = fixed > ZERO_MARGIN * self.scale if self.rectifies else codes >= self.lowest
        inside = above & (codes <= self.highest)
        quantized = codes.clamp(self.lowest, self.highest) * self.scale
        # x - x is exactly zero and carries the derivative, so the value is the quantized one to the last bit.
        return torch.where(inside, quantized + (values - fixed), quantized)
