"""The linear step: a matrix of codes and a bias at the accumulator's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lowland.quantization.graph.weighted_step import Weighted


class Linear(Weighted):
    """accumulator = W·codes + b along the last dimension; its sizes are those of its weights."""

    kind = "linear"

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        weight: Tensor | None,
        sizes: Mapping[str, Any] | None = None,
        **tensors: Any,
    ) -> None:
        if sizes is None:
            if weight is None:
                raise ValueError("sizes are None; expected those of the layer where its weights are another step's")
            sizes = {"in_features": weight.shape[1], "out_features": weight.shape[0]}
        super().__init__(name, inputs, sizes=sizes, weight=weight, **tensors)

    def integer(self, codes: Tensor) -> Tensor:
        """Accumulators (int64) [..., outputs] from codes [..., inputs]."""
        # torch multiplies int32 matrices 20 times as fast as int64 ones.
        dtype = torch.int32 if self.accumulator_bits <= 32 else torch.int64
        accumulators = (codes.to(dtype) @ self.weight.to(dtype).T).to(torch.int64)
        return accumulators if self.bias is None else accumulators + self.bias
