"""Attention without weights of its own, as a layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class DotProductAttention(nn.Module):
    """``scaled_dot_product_attention`` of queries, keys and values.

    Args:
        is_causal: Whether places see those before them only.
        scale: Factor of the products; without it 1 / sqrt(size of a key).
    """

    def __init__(self, *, is_causal: bool = False, scale: float | None = None) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.scale = scale

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Floats [samples, ..., queries, features].

        Args:
            query: [samples, ..., queries, size].
            key: [samples, ..., keys, size].
            value: [samples, ..., keys, features].
        """
        return functional.scaled_dot_product_attention(query, key, value, is_causal=self.is_causal, scale=self.scale)
