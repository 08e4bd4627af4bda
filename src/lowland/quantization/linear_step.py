"""The linear step: a matrix of codes and a bias at the accumulator's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization.codes import smallest_dtype
from lowland.quantization.step import Step


class Linear(Step):
    """accumulator = W·codes + b, with W and b in codes of their own.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        weight: Codes [outputs, inputs].
        weight_bits: Their two's complement width.
        weight_scale: Step size, scalar.
        bias: Codes [outputs] at the accumulator's scale, or ``None``.
        bias_bits: Their two's complement width, 0 without bias.
        output_scale: The accumulator's step size: weight scale * input scale, scalar.
        accumulator_bits: Two's complement width that no accumulator leaves, whatever bits flip.
    """

    kind = "linear"
    code_names = ("weight", "bias")

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        weight: Tensor,
        weight_bits: int,
        weight_scale: Tensor,
        bias: Tensor | None,
        bias_bits: int,
        output_scale: Tensor,
        accumulator_bits: int,
    ) -> None:
        super().__init__(name, inputs)
        self.weight_bits = weight_bits
        self.bias_bits = bias_bits
        self.accumulator_bits = accumulator_bits
        self.weight: Tensor
        self.bias: Tensor | None
        self.weight_scale: Tensor
        self.output_scale: Tensor
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("weight_scale", weight_scale)
        self.register_buffer("output_scale", output_scale)

    def settings(self) -> dict[str, Any]:
        """Shape and widths."""
        outputs, inputs = self.weight.shape
        return {
            "in_features": inputs,
            "out_features": outputs,
            "weight_bits": self.weight_bits,
            "bias_bits": self.bias_bits,
            "accumulator_bits": self.accumulator_bits,
        }

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Linear:
        """A layer of zeros."""
        rows, columns = settings["out_features"], settings["in_features"]
        weight_bits, bias_bits = settings["weight_bits"], settings["bias_bits"]
        return cls(
            name,
            inputs,
            weight=torch.zeros(rows, columns, dtype=smallest_dtype(weight_bits)),
            weight_bits=weight_bits,
            weight_scale=torch.zeros(()),
            bias=torch.zeros(rows, dtype=smallest_dtype(bias_bits)) if bias_bits else None,
            bias_bits=bias_bits,
            output_scale=torch.zeros(()),
            accumulator_bits=settings["accumulator_bits"],
        )

    def with_codes(self, codes: Mapping[str, Tensor]) -> Linear:
        """The same step with other codes (keys ``weight``, ``bias``); everything else is shared."""
        return Linear(
            self.name,
            self.inputs,
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
        """W·x + b in floats from the codes.

        Args:
            values: Floats [..., inputs].
        """
        return functional.linear(values, *self.float_parameters())

    def integer(self, codes: Tensor) -> Tensor:
        """Accumulators (int64) [..., outputs] from codes [..., inputs]."""
        # torch multiplies int32 matrices 20 times as fast as int64 ones.
        dtype = torch.int32 if self.accumulator_bits <= 32 else torch.int64
        accumulators = (codes.to(dtype) @ self.weight.to(dtype).T).to(torch.int64)
        return accumulators if self.bias is None else accumulators + self.bias

    def dequantized(self) -> nn.Module:
        """An ordinary linear layer with parameters code * scale."""
        weight, bias = self.float_parameters()
        outputs, inputs = weight.shape
        # Built on meta and filled: initial weights would advance torch's global generator.
        linear = nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
        linear.weight = nn.Parameter(weight)
        if bias is not None:
            linear.bias = nn.Parameter(bias.clone())
        return linear
