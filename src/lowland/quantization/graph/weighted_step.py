"""Steps with weights: codes of weights, and of a bias at the accumulator's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import smallest_dtype
from lowland.quantization.graph.layer_specs import LAYERS
from lowland.quantization.graph.operations import num_channels, operation, weight_shape
from lowland.quantization.graph.step import Step

EXACT_BITS = 53
"""Integers of so many bits are exact in float64, in whichever order they are summed."""

SINGLE_BITS = 24
"""Integers of so many bits are exact in float32."""

_WIDTHS = ("weight_bits", "bias_bits", "accumulator_bits")


class Weighted(Step):
    """accumulator = W * codes + b, with W and b in codes of their own; subclasses are kinds of such layers.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        sizes: What ``operations.geometry`` says of the layer.
        weight: Codes, in the shape of the layer's weights.
        weight_bits: Their two's complement width.
        weight_scale: Step size, scalar or one per output channel in a shape that multiplies the codes.
        bias: Codes [channels] at the accumulator's scale, or ``None``.
        bias_bits: Their two's complement width, 0 without bias.
        output_scale: The accumulator's step size: weight scale * input scale, scalar or [channels].
        accumulator_bits: Two's complement width that no accumulator leaves, whatever bits flip.
    """

    code_names = ("weight", "bias")

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        sizes: Mapping[str, Any],
        weight: Tensor,
        weight_bits: int,
        weight_scale: Tensor,
        bias: Tensor | None,
        bias_bits: int,
        output_scale: Tensor,
        accumulator_bits: int,
    ) -> None:
        super().__init__(name, inputs)
        self.sizes = dict(sizes)
        self.weight_bits = weight_bits
        self.bias_bits = bias_bits
        self.accumulator_bits = accumulator_bits
        self.operation = operation(self.kind, sizes)
        self.weight: Tensor
        self.bias: Tensor | None
        self.weight_scale: Tensor
        self.output_scale: Tensor
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("weight_scale", weight_scale)
        self.register_buffer("output_scale", output_scale)

    def settings(self) -> dict[str, Any]:
        """Sizes and widths; the shape of the weight scale where it is no scalar."""
        widths = {width: getattr(self, width) for width in _WIDTHS}
        shape = {"weight_scale_shape": list(self.weight_scale.shape)} if self.weight_scale.ndim else {}
        return {**self.sizes, **widths, **shape}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Weighted:
        """A layer of zeros."""
        weight_bits, bias_bits, accumulator_bits = (settings.pop(width) for width in _WIDTHS)
        shape = tuple(settings.pop("weight_scale_shape", ()))
        channels = num_channels(cls.kind, settings)
        return cls(
            name,
            inputs,
            sizes=settings,
            weight=torch.zeros(weight_shape(cls.kind, settings), dtype=smallest_dtype(weight_bits)),
            weight_bits=weight_bits,
            weight_scale=torch.zeros(shape),
            bias=torch.zeros(channels, dtype=smallest_dtype(bias_bits)) if bias_bits else None,
            bias_bits=bias_bits,
            output_scale=torch.zeros(channels if shape else ()),
            accumulator_bits=accumulator_bits,
        )

    def with_codes(self, codes: Mapping[str, Tensor]) -> Weighted:
        """The same step with other codes (keys ``weight``, ``bias``); everything else is shared."""
        return type(self)(
            self.name,
            self.inputs,
            sizes=self.sizes,
            weight=codes.get("weight", self.weight),
            weight_bits=self.weight_bits,
            weight_scale=self.weight_scale,
            bias=codes.get("bias", self.bias),
            bias_bits=self.bias_bits,
            output_scale=self.output_scale,
            accumulator_bits=self.accumulator_bits,
        )

    def float_parameters(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as code * scale."""
        scale = self.output_scale
        weight = self.weight.to(scale.dtype) * self.weight_scale
        return weight, None if self.bias is None else self.bias.to(scale.dtype) * scale

    def forward(self, values: Tensor) -> Tensor:
        """The layer in floats from the codes.

        Args:
            values: Floats [samples, ...].
        """
        return self.operation(values, *self.float_parameters())

    def integer(self, codes: Tensor) -> Tensor:
        """Accumulators (int64) from codes (int64): in float64 where it is exact, as torch has fast kernels for it."""
        dtype = torch.float64 if self.accumulator_bits <= EXACT_BITS else torch.int64
        bias = None if self.bias is None else self.bias.to(dtype)
        accumulators = self.operation(codes.to(dtype), self.weight.to(dtype), bias)
        return accumulators.round().to(torch.int64) if dtype.is_floating_point else accumulators

    def carried(self, values: Tensor) -> Tensor:
        """The accumulators in float32 or float64, whichever holds all of them exactly."""
        dtype = self._carrier
        if dtype is None:
            return super().carried(values)
        bias = None if self.bias is None else self.bias.to(dtype)
        return self.operation(values.to(dtype), self.weight.to(dtype), bias)

    def carried_change(self, change: Tensor, block: slice) -> Tensor:
        """What a change in some input channels adds to the accumulators, of layers without groups.

        Args:
            change: [samples, block, ...] differences of whole numbers.
            block: Which input channels.
        """
        weight = self.weight[block] if self.kind == "conv_transpose2d" else self.weight[:, block]
        dtype = self._carrier or torch.int64
        return self.operation(change.to(dtype), weight.to(dtype), None)

    @property
    def _carrier(self) -> torch.dtype | None:
        """The smallest float type that holds accumulators and differences of two of them."""
        if self.accumulator_bits < SINGLE_BITS:
            return torch.float32
        return torch.float64 if self.accumulator_bits < EXACT_BITS else None

    def result_scale(self, scale: Tensor) -> Tensor:
        """The accumulator's step size, in a shape that multiplies the accumulators."""
        own = self.output_scale
        return own.reshape(-1, *[1] * (self.weight.ndim - 2)) if own.ndim else own

    def dequantized(self) -> nn.Module:
        """An ordinary layer of torch with parameters code * scale."""
        weight, bias = self.float_parameters()
        # Built on meta and filled: initial weights would advance torch's global generator.
        layer = LAYERS[self.kind][0](**self.sizes, bias=bias is not None, device="meta")
        layer.weight = nn.Parameter(weight)
        if bias is not None:
            layer.bias = nn.Parameter(bias.clone())
        return layer
