"""The Brevitas quantizers and layers of a fake-quantized model; importing this file imports Brevitas: two seconds."""

from __future__ import annotations

from typing import Any

import torch
from brevitas.nn import (
    QuantConv1d,
    QuantConv2d,
    QuantConvTranspose1d,
    QuantConvTranspose2d,
    QuantEmbedding,
    QuantIdentity,
    QuantLinear,
    QuantReLU,
)
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn

from lowland.quantization.effective_weights import KINDS
from lowland.quantization.fake_quantized.quant_affine import QuantAffine
from lowland.quantization.fake_quantized.quant_values import FloatPart, handed_on, unquantized, value_of
from lowland.quantization.fake_quantized.scales import ACTIVATION_SCALES, WEIGHT_SCALES, WideBias
from lowland.quantization.graph.operations import geometry, weighted_kind
from lowland.quantization.precision import Precision

WEIGHTED: dict[str, type[nn.Module]] = {
    "linear": QuantLinear,
    "conv1d": QuantConv1d,
    "conv2d": QuantConv2d,
    "conv_transpose1d": QuantConvTranspose1d,
    "conv_transpose2d": QuantConvTranspose2d,
    "affine": QuantAffine,
}


def rounding(bits: int, precision: Precision, *, signed: bool) -> nn.Module:
    """Values to codes.

    Args:
        bits: Width.
        precision: Says how scales and ranges are.
        signed: Whether values can be negative.
    """
    kind = "unsigned" if not signed else precision.activations
    return QuantIdentity(act_quant=ACTIVATION_SCALES[precision.scale, kind], bit_width=bits, return_quant_tensor=True)


def rectifying(bits: int, precision: Precision, *, signed: bool = False) -> nn.Module:
    """A rectifier with unsigned codes behind it."""
    scale = ACTIVATION_SCALES[precision.scale, "unsigned"]
    return QuantReLU(act_quant=scale, bit_width=bits, return_quant_tensor=True)


class Table(nn.Module):
    """A unary activation of codes whose results are rounded to codes.

    Args:
        function: A layer without parameters.
        bits: Width of the results.
        precision: Says how their scales and ranges are.
        signed: Whether they can be negative.
    """

    def __init__(self, function: nn.Module, bits: int, precision: Precision, *, signed: bool) -> None:
        super().__init__()
        self.function = function
        self.result = rounding(bits, precision, signed=signed)

    def forward(self, values: Tensor | QuantTensor) -> QuantTensor:
        """Results on tensors of Brevitas."""
        return self.result(self.function(value_of(values)))


def quantized_layer(layer: Any, bits: int, precision: Precision) -> Any:
    """A layer with the weights and masks of a float one; the bias is quantized at the accumulator's scale.

    Args:
        layer: Of a kind with weights.
        bits: Width of the weight codes.
        precision: Says how their scales are; with bias correction, a layer without bias gets one of zeros.
    """
    biased = precision.bias_correction
    kind = weighted_kind(layer)
    assert kind is not None  # the chain holds no others
    sizes = {name: tuple(size) if isinstance(size, list) else size for name, size in geometry(layer).items()}
    quantized: Any = WEIGHTED[kind](
        **sizes,
        bias=layer.bias is not None or biased,
        weight_quant=WEIGHT_SCALES[precision.scale, bool(precision.per_channel)],
        weight_bit_width=bits,
        bias_quant=WideBias,
        return_quant_tensor=False,
        dtype=layer.weight.dtype,
    )
    with torch.no_grad():
        quantized.weight.copy_(layer.weight)
        if layer.bias is not None:
            quantized.bias.copy_(layer.bias)
        elif biased:
            nn.init.zeros_(quantized.bias)
    quantized.weight.requires_grad_(layer.weight.requires_grad)
    if quantized.bias is not None:
        quantized.bias.requires_grad_((layer.weight if layer.bias is None else layer.bias).requires_grad)
    _keep_masks(quantized, layer, biased=biased)
    return quantized


def quantized_embedding(layer: nn.Embedding, bits: int, precision: Precision) -> QuantEmbedding:
    """An embedding with the weights and masks of a float one, all in codes of one scale."""
    quantized = TokenEmbedding(
        layer.num_embeddings,
        layer.embedding_dim,
        layer.padding_idx,
        weight_quant=WEIGHT_SCALES[precision.scale, False],
        weight_bit_width=bits,
        return_quant_tensor=True,
        dtype=layer.weight.dtype,
    )
    with torch.no_grad():
        quantized.weight.copy_(layer.weight)
    quantized.weight.requires_grad_(layer.weight.requires_grad)
    _keep_masks(quantized, layer, biased=False)
    return quantized


class TokenEmbedding(QuantEmbedding):
    """An embedding that takes whole numbers of any type."""

    def forward(self, inp: Tensor) -> QuantTensor:
        """Rows [samples, ..., features] of whole numbers [samples, ...]."""
        weight = self.quant_weight()
        return weight.set(value=nn.functional.embedding(inp.to(torch.int64), weight.value, self.padding_idx))


def _keep_masks(quantized: nn.Module, layer: nn.Module, *, biased: bool) -> None:
    """What pruning has put to zero stays there."""
    for kind in KINDS:
        mask, values = layer._buffers.get(f"{kind}_mask"), getattr(layer, kind, None)
        if mask is None or values is None or (kind == "bias" and biased):
            continue
        # A batch-norm that was folded in, or bias correction, gives pruned biases values that are none of pruning's.
        if not bool(values[mask == 0].any()):
            quantized.register_buffer(f"{kind}_mask", mask.clone())


__all__ = [
    "WEIGHTED",
    "FloatPart",
    "Table",
    "TokenEmbedding",
    "handed_on",
    "quantized_embedding",
    "quantized_layer",
    "rectifying",
    "rounding",
    "unquantized",
    "value_of",
]
