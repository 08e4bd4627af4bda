"""Steps of a deployed network that find wrong words where their scales are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.weighted_step import Weighted


class Gain(nn.Module):
    """Values times a factor, in float64 between.

    Args:
        factor: In a shape that multiplies the values.
    """

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.factor: Tensor
        self.register_buffer("factor", factor)

    def forward(self, values: Tensor) -> Tensor:
        """Floats of the values' type and shape."""
        return (values.to(torch.float64) * self.factor).to(values.dtype)


class Misread(Step):
    """A step that finds another word where its scale is stored: part of a disturbed copy, not of what is saved."""

    def settings(self) -> dict[str, Any]:
        """Refused: the flips are what is kept of a disturbed network."""
        raise LowlandError(f"network: step {self.name!r} reads a wrong scale and has no spec; keep network and flips")


class MisreadQuantize(Misread, Quantize):
    """A converter that reads another step size than its codes stand for.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        bits: Width of the codes.
        signed: Whether codes are two's complement or unsigned.
        scale: What one code stands for in the next layer.
        converter: What inputs are divided by.
    """

    def __init__(self, name: str, inputs: tuple[str, ...], *, converter: Tensor, **settings: Any) -> None:
        super().__init__(name, inputs, **settings)
        self.converter: Tensor
        self.register_buffer("converter", converter)
        self.gain = Gain(self.scale.double() / converter.double())

    @classmethod
    def of(cls, step: Quantize, converter: Tensor) -> MisreadQuantize:
        """A quantizer, misread already or not, with this step size in its store."""
        settings = {**step.format, "scale": step.scale}
        return cls(step.name, step.inputs, converter=converter, **settings)

    def forward(self, values: Tensor) -> Tensor:
        """The codes that are read * scale."""
        return self.carried(values).to(values.dtype) * self.scale

    def integer(self, codes: Tensor) -> Tensor:
        """The codes; integers have no NaN, so a converter that is no number gives 0."""
        return self.carried(codes).nan_to_num(0.0).to(torch.int64)

    def carried(self, values: Tensor) -> Tensor:
        """The codes in float32; NaN where inputs are divided by what is no number."""
        return (values / self.converter).round_().clamp_(self.lowest, self.highest)

    def dequantized(self) -> nn.Module:
        """The wrong factor before the straight-through quantizer."""
        return nn.Sequential(self.gain, super().dequantized())


class MisreadRequantize(Misread, Requantize):
    """A requantization whose stored multiplier and shift are other words than the ratio of scales asks for.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        bits: Width of the codes.
        signed: Whether codes are two's complement or unsigned.
        scale: What one code stands for in the next layer.
        multiplier: As stored.
        shift: As stored, 0 to 63.
        ratio: Input scale / output scale, as it should be, float64.
    """

    def __init__(self, name: str, inputs: tuple[str, ...], *, ratio: Tensor, **settings: Any) -> None:
        super().__init__(name, inputs, **settings)
        self.ratio: Tensor
        self.register_buffer("ratio", ratio)
        self.gain = Gain(fixed_point_ratio(self) / ratio)

    @classmethod
    def of(cls, step: Requantize, multiplier: Tensor, shift: Tensor) -> MisreadRequantize:
        """A requantization, misread already or not, with these words in its store."""
        ratio = step.ratio if isinstance(step, MisreadRequantize) else fixed_point_ratio(step)
        settings = {**step.format, "scale": step.scale}
        return cls(step.name, step.inputs, ratio=ratio, multiplier=multiplier, shift=shift, **settings)

    def forward(self, values: Tensor) -> Tensor:
        """Codes * scale of accumulators that are multiplied with what is stored."""
        return super().forward(self.gain(values))

    def integer(self, codes: Tensor) -> Tensor:
        """Codes of the activation from accumulators (int64)."""
        # Rounding needs half of 2^shift as an integer; words are so wide that twice the product fits as well.
        unshifted = self.shift == 0
        multiplier, shift = self.multiplier << unshifted.to(torch.int64), self.shift.clamp_min(1)
        return self.with_ratio(multiplier, shift).integer(codes)

    def dequantized(self) -> nn.Module:
        """The wrong factor before the straight-through quantizer."""
        return nn.Sequential(self.gain, super().dequantized())


class MisreadOutput(Misread):
    """Behind the last layer: the same integers, in units of another step size.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        stored: What is read instead of the layer's ``output_scale``, in its shape.
        layer: The layer with weights whose accumulators are the outputs.
        shape: In which step sizes multiply the outputs.
    """

    kind = "misread_output"

    def __init__(
        self, name: str, inputs: tuple[str, ...], *, stored: Tensor, layer: Weighted, shape: torch.Size
    ) -> None:
        super().__init__(name, inputs)
        self.stored: Tensor
        self.register_buffer("stored", stored)
        factor = stored.double() / layer.output_scale.double()
        self.gain = Gain(factor.reshape(shape) if factor.ndim else factor)

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> MisreadOutput:
        """Refused as ``settings``."""
        raise LowlandError(f"network: step {name!r} reads a wrong scale and has no spec; keep network and flips")

    def forward(self, values: Tensor) -> Tensor:
        """Values in the wrong units."""
        return self.gain(values)

    def integer(self, codes: Tensor) -> Tensor:
        """The same integers."""
        return codes

    def carried(self, values: Tensor) -> Tensor:
        """The same integers."""
        return values

    def result_scale(self, scale: Tensor) -> Tensor:
        """The step size that is read."""
        return self.gain(scale)

    def dequantized(self) -> nn.Module:
        """The wrong factor."""
        return self.gain


class MisreadFloatStep(Misread, FloatStep):
    """A float step that multiplies the integers of its inputs with other numbers than they are worth.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        layer: See ``FloatStep``.
        input_scales: What the integers are worth.
        stored: What they are multiplied with.
    """

    def __init__(self, name: str, inputs: tuple[str, ...], *, stored: Sequence[Tensor], **settings: Any) -> None:
        super().__init__(name, inputs, **settings)
        self.stored = tuple(stored)
        self.gains = [Gain(s.double() / scale.double()) for s, scale in zip(stored, self.input_scales, strict=True)]

    @classmethod
    def of(cls, step: FloatStep, stored: Sequence[Tensor]) -> MisreadFloatStep:
        """A float step, misread already or not, with these numbers in its store."""
        return cls(step.name, step.inputs, layer=step.layer, input_scales=step.input_scales, stored=stored)

    @property
    def stored_scales(self) -> tuple[Tensor, ...]:
        """What the integers of each input are multiplied with."""
        return self.stored

    def forward(self, *values: Tensor) -> Tensor:
        """The layer on floats in wrong units."""
        return super().forward(*(gain(value) for gain, value in zip(self.gains, values, strict=True)))

    def integer(self, *codes: Tensor) -> Tensor:
        """The layer's floats from integers that are multiplied with what is stored."""
        scaled = [code.to(scale.dtype) * scale for code, scale in zip(codes, self.stored, strict=True)]
        return FloatStep.forward(self, *scaled)

    def with_float_words(self, words: Mapping[str, Tensor]) -> MisreadFloatStep:
        """The same step with other parameters."""
        plain = FloatStep(self.name, self.inputs, layer=self.layer, input_scales=self.input_scales)
        return self.of(plain.with_float_words(words), self.stored)

    def dequantized(self) -> nn.Module:
        """The wrong factors before the layer."""
        return GainsBefore(self.gains, super().dequantized())


class GainsBefore(nn.Module):
    """A layer whose inputs are multiplied with factors.

    Args:
        gains: One an input.
        layer: Of all of them.
    """

    def __init__(self, gains: Sequence[Gain], layer: nn.Module) -> None:
        super().__init__()
        self.gains = nn.ModuleList(gains)
        self.layer = layer

    def forward(self, *values: Tensor) -> Tensor:
        """The layer on floats in wrong units."""
        return self.layer(*(gain(value) for gain, value in zip(self.gains, values, strict=True)))


def fixed_point_ratio(step: Requantize) -> Tensor:
    """The fixed-point number, multiplier / 2^shift, in float64."""
    return torch.ldexp(step.multiplier.to(torch.float64), -step.shift)
