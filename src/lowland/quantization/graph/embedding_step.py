"""The embedding step: rows of codes, chosen by whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.codes import code_range, smallest_dtype
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.storing_step import StoredCodes, StoringStep


class Embedding(StoringStep):
    """The row of weights that each whole number names: [samples, ...] -> [samples, ..., features].

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        weight: Codes [rows, features].
        weight_bits: Their two's complement width.
        weight_scale: Step size, scalar or [1, features]: that of the results.
    """

    kind = "embedding"

    def __init__(
        self, name: str, inputs: tuple[str, ...], *, weight: Tensor, weight_bits: int, weight_scale: Tensor
    ) -> None:
        super().__init__(name, inputs)
        self.weight_bits = weight_bits
        self.weight: Tensor
        self.weight_scale: Tensor
        self.register_buffer("weight", weight)
        self.register_buffer("weight_scale", weight_scale)

    @property
    def stored(self) -> dict[str, StoredCodes]:
        """The weights."""
        return {"weight": StoredCodes(self.weight, self.weight_bits, "weight_scale")}

    def settings(self) -> dict[str, Any]:
        """Sizes and width; the shape of the weight scale where it is no scalar."""
        rows, features = self.weight.shape
        shape = {"weight_scale_shape": list(self.weight_scale.shape)} if self.weight_scale.ndim else {}
        return {"num_embeddings": rows, "embedding_dim": features, "weight_bits": self.weight_bits, **shape}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Step:
        """An embedding of zeros."""
        bits = settings["weight_bits"]
        weight = torch.zeros(settings["num_embeddings"], settings["embedding_dim"], dtype=smallest_dtype(bits))
        scale = torch.zeros(tuple(settings.get("weight_scale_shape", ())))
        return cls(name, inputs, weight=weight, weight_bits=bits, weight_scale=scale)

    def with_codes(self, codes: Mapping[str, Tensor]) -> Self:
        """The same step with other codes (key ``weight``)."""
        weight = codes.get("weight", self.weight)
        return type(self)(
            self.name, self.inputs, weight=weight, weight_bits=self.weight_bits, weight_scale=self.weight_scale
        )

    def row(self, number: int) -> Tensor:
        """What one whole number stands for [features]."""
        return self.forward(torch.tensor(number, device=self.weight.device))

    def with_rows(self, values: Tensor) -> Self:
        """A step with other rows, as many as there may be, in codes of the same scale and width.

        Args:
            values: Floats [rows, features]; each becomes the nearest code.
        """
        lowest, highest = code_range(self.weight_bits, signed=True)
        codes = (values.detach() / self.weight_scale).round().clamp(lowest, highest)
        return self.with_codes({"weight": codes.to(self.weight.dtype)})

    def forward(self, values: Tensor) -> Tensor:
        """Rows as code * scale.

        Args:
            values: Whole numbers of any type, [samples, ...].
        """
        weight = self.weight.to(self.weight_scale.dtype) * self.weight_scale
        return functional.embedding(values.to(torch.int64), weight)

    def integer(self, codes: Tensor) -> Tensor:
        """Rows of codes (int64)."""
        return functional.embedding(codes.to(torch.int64), self.weight.to(torch.int64))

    def carried(self, values: Tensor) -> Tensor:
        """Rows of codes in floats."""
        return functional.embedding(values.to(torch.int64), self.weight.to(torch.float64))

    def result_scale(self, scale: Tensor) -> Tensor:
        """The weights' step size, whatever came in, in a shape that multiplies the results."""
        return self.weight_scale.flatten() if self.weight_scale.ndim else self.weight_scale

    def dequantized(self) -> nn.Module:
        """An embedding with weights code * scale."""
        rows, features = self.weight.shape
        layer = TokenEmbedding(rows, features, device="meta")
        layer.weight = nn.Parameter(self.weight.to(self.weight_scale.dtype) * self.weight_scale)
        return layer


class TokenEmbedding(nn.Embedding):
    """An embedding that takes whole numbers of any type."""

    def forward(self, input: Tensor) -> Tensor:
        """Rows [samples, ..., features] of whole numbers [samples, ...]."""
        return super().forward(input.to(torch.int64))
