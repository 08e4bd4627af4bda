"""Functions that do what layers do, their weights given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization.graph.activations import Unary
from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.modules import Handler, adaptive_pool, layer_of
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.wires import Wire


def unary(name: str) -> Handler:
    """A function of one number that torch has no layer of."""

    def handler(c: Converter, input: Wire) -> Wire:
        return c.emit(Unary(name), input)

    return handler


def moved(c: Converter, input: Wire, *others: Any, **more: Any) -> Wire:
    """The value itself, on another device or in another layout; as whole numbers only where it is tokens."""
    kinds = [kind for kind in (*others, *more.values()) if isinstance(kind, torch.dtype)]
    if any(kind in (torch.int32, torch.int64) for kind in kinds):
        return tokens(c, input)
    if any(kind != torch.float32 for kind in kinds):
        c.refuse(f"turns values into {kinds[0]}; expected torch.float32, which everything is computed in")
    return input


def tokens(c: Converter, input: Wire) -> Wire:
    """Whole numbers, which the network's own inputs are already where it takes them for tokens."""
    if input.name != INPUTS:
        c.refuse("cuts computed values down to whole numbers; expected that of the network's own inputs alone")
    return input


def interpolate(
    c: Converter, input: Wire, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **others: Any
) -> Wire:
    """Repeated values."""
    return layer_of(c, nn.Upsample(size, scale_factor, mode), input)


def linear(c: Converter, input: Wire, weight: Tensor, bias: Tensor | None = None) -> Wire:
    """A linear layer whose weights are given."""

    def make() -> nn.Module:
        outputs, inputs = weight.shape
        layer = nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
        return _with_weights(layer, weight, bias)

    return layer_of(c, c.once(make, "linear", weight, bias), input)


def convolution(kind: type[nn.Module]) -> Handler:
    """A convolution whose weights are given."""

    def handler(
        c: Converter, input: Wire, weight: Tensor, bias: Tensor | None = None, *places: Any, **named: Any
    ) -> Wire:
        outputs, inputs, *kernel = weight.shape
        sizes = {**dict(zip(("stride", "padding", "dilation", "groups"), places, strict=False)), **named}
        channels = inputs * sizes.get("groups", 1)

        def make() -> nn.Module:
            layer = kind(channels, outputs, tuple(kernel), bias=bias is not None, device="meta", **sizes)
            return _with_weights(layer, weight, bias)

        return layer_of(c, c.once(make, kind.__name__, weight, bias, sorted(sizes.items())), input)

    return handler


def layer_norm(
    c: Converter, input: Wire, shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Wire:
    """A layer normalisation whose weights are given."""
    if weight is None and bias is not None:
        c.refuse("has a bias and no weight; expected both or none")
    layer = nn.LayerNorm(tuple(shape), eps, elementwise_affine=weight is not None, bias=bias is not None)
    return layer_of(c, layer if weight is None else _with_weights(layer, weight, bias), input)


def dot_product_attention(c: Converter, query: Wire, key: Wire, value: Wire, *others: Any, **options: Any) -> Wire:
    """Attention without weights of its own."""
    known = {"is_causal": options.pop("is_causal", False), "scale": options.pop("scale", None)}
    if any(other is not None for other in others) or any(options.values()):
        c.refuse("is called with a mask, dropout or groups; expected none (is_causal and scale by name are known)")
    return c.emit(DotProductAttention(**known), query, key, value)


def same(c: Converter, input: Any, *others: Any, **more: Any) -> Any:
    """The value itself."""
    return input


def made(layer: Callable[..., nn.Module]) -> Handler:
    """A call that a layer of torch stands for: its further arguments are the layer's."""

    def handler(c: Converter, input: Wire, *arguments: Any, **keywords: Any) -> Wire:
        return layer_of(c, layer(*arguments, **keywords), input)

    return handler


def pooled(layer: type[nn.Module]) -> Handler:
    """An adaptive pool."""

    def handler(c: Converter, input: Wire, output_size: Any, return_indices: bool = False) -> Wire:
        if return_indices:
            c.refuse("returns indices; expected return_indices=False")
        return adaptive_pool(c, layer(output_size), input)

    return handler


def dropped(c: Converter, input: Wire, p: float = 0.5, training: bool = True, inplace: bool = False) -> Wire:
    """Nothing, in evaluation."""
    if training:
        c.refuse("drops values at random in evaluation; expected dropout(x, training=self.training)")
    return input


def softmax(kind: type[nn.Module]) -> Handler:
    """A softmax or its logarithm."""

    def handler(c: Converter, input: Wire, dim: int, *others: Any, **more: Any) -> Wire:
        return layer_of(c, kind(c.dim(input, dim)), input)

    return handler


def _with_weights(layer: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer.weight = nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach(), requires_grad=bias.requires_grad)
    return layer
