"""A factor and a summand for each channel as a layer of Brevitas."""

from __future__ import annotations

from typing import Any

import torch
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer as QuantWBIOL
from brevitas.quant_tensor import QuantTensor
from torch import Tensor

from lowland.quantization.fake_quantized.quant_values import value_of
from lowland.quantization.graph.affine import Affine, affine


class QuantAffine(QuantWBIOL, Affine):
    """A factor and a summand for each channel, quantized: Brevitas has none that names the dimension.

    Args:
        num_channels: Size of the dimension.
        dim: Dimension of the channels, counted from the last one.
        bias: Whether something is added.
        dtype: Of the parameters.
        options: Of Brevitas' layers with weights.
    """

    def __init__(self, num_channels: int, *, dim: int, bias: bool, dtype: torch.dtype, **options: Any) -> None:
        Affine.__init__(self, num_channels, dim=dim, bias=bias)
        self.to(dtype)
        QuantWBIOL.__init__(self, input_quant=None, output_quant=None, return_quant_tensor=False, **_without(options))

    @property
    def per_elem_ops(self) -> int:
        """Operations a result."""
        return 2

    @property
    def output_channel_dim(self) -> int:
        """Of the weights."""
        return 0

    @property
    def out_channels(self) -> int:
        """Number of results."""
        return self.num_channels

    @property
    def channelwise_separable(self) -> bool:
        """Each channel by itself."""
        return True

    def forward(self, values: Tensor | QuantTensor) -> Tensor | QuantTensor:
        """The layer on tensors of Brevitas."""
        result: Tensor | QuantTensor = QuantWBIOL.forward_impl(self, values)
        return result

    def inner_forward_impl(self, x: Tensor, quant_weight: Tensor, quant_bias: Tensor | None) -> Tensor:
        """The layer on plain values."""
        return affine(
            value_of(x), value_of(quant_weight), None if quant_bias is None else value_of(quant_bias), dim=self.dim
        )


def _without(options: dict[str, Any]) -> dict[str, Any]:
    """The options that Brevitas' common base of layers with weights takes."""
    return {name: value for name, value in options.items() if name != "return_quant_tensor"}
