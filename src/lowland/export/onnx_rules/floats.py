"""Layers that compute in floats on the device: equal up to rounding, so that a code behind them may be one off."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.results import Site
from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.float_step import FloatStep


@onnx_rule("float_step")
def float_step(site: Site[FloatStep], graph: OnnxGraph, *names: str) -> str:
    """Integers times their scales, and the layer's own operators."""
    layer = site.step.layer
    rule = FLOAT_LAYERS.get(type(layer))
    if rule is None:
        known = ", ".join(each.__name__ for each in FLOAT_LAYERS)
        raise LowlandError(f"computes {type(layer).__name__} in floats; expected one of {known}, or a table")
    values = []
    for name, value, scale in zip(names, site.inputs, site.step.input_scales, strict=True):
        floats = name if value.is_float else graph.cast(name, np.float32)
        values.append(graph.node("Mul", floats, graph.constant(scale)))
    return rule(layer, graph, *values)


def _layer_norm(layer: nn.LayerNorm, graph: OnnxGraph, x: str) -> str:
    weight = torch.ones(layer.normalized_shape) if layer.weight is None else layer.weight
    words = [graph.constant(word) for word in (weight, layer.bias) if word is not None]
    return graph.node("LayerNormalization", x, *words, axis=-len(layer.normalized_shape), epsilon=layer.eps)


def _softmax(layer: nn.Softmax, graph: OnnxGraph, x: str) -> str:
    if layer.dim is None:
        raise LowlandError("has no dim; expected softmax along a dimension that is named")
    return graph.node("Softmax", x, axis=layer.dim)


def _log_softmax(layer: nn.LogSoftmax, graph: OnnxGraph, x: str) -> str:
    if layer.dim is None:
        raise LowlandError("has no dim; expected softmax along a dimension that is named")
    return graph.node("LogSoftmax", x, axis=layer.dim)


def _dot_product(layer: DotProductAttention, graph: OnnxGraph, query: str, key: str, value: str) -> str:
    if layer.is_causal or layer.scale is None:
        raise LowlandError("attends with a mask or without a scale of its own; expected a scale, and no mask")
    return _attended(graph, query, graph.node("Transpose", key, perm=[0, 2, 1]), value, layer.scale)


def _attention(layer: nn.MultiheadAttention, graph: OnnxGraph, query: str, key: str, value: str) -> str:
    if not layer.batch_first or layer.bias_k is not None or layer.add_zero_attn:
        raise LowlandError("attends over rows or with places of its own; expected batch_first, nothing added")
    if not layer._qkv_same_embed_dim:
        raise LowlandError("has keys or values of another size; expected kdim and vdim of embed_dim")
    heads, size = layer.num_heads, layer.head_dim
    weights = layer.in_proj_weight.chunk(3)
    biases = (None, None, None) if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)
    split: list[str] = []
    for x, weight, bias in zip((query, key, value), weights, biases, strict=True):
        by_head = graph.node("Reshape", _projected(graph, x, weight, bias), graph.constant([0, -1, heads, size]))
        order = [0, 2, 3, 1] if len(split) == 1 else [0, 2, 1, 3]  # keys transposed
        split.append(graph.node("Transpose", by_head, perm=order))
    attended = _attended(graph, split[0], split[1], split[2], 1 / sqrt(size))
    joined = graph.node("Transpose", attended, perm=[0, 2, 1, 3])
    flat = graph.node("Reshape", joined, graph.constant([0, -1, heads * size]))
    return _projected(graph, flat, layer.out_proj.weight, layer.out_proj.bias)


def _projected(graph: OnnxGraph, x: str, weight: Tensor, bias: Tensor | None) -> str:
    """A linear layer in floats."""
    product = graph.node("MatMul", x, graph.constant(weight.T))
    return product if bias is None else graph.node("Add", product, graph.constant(bias))


def _attended(graph: OnnxGraph, query: str, key: str, value: str, scale: float) -> str:
    """Values weighed by the softmax of scaled products; keys come transposed."""
    products = graph.node("Mul", graph.node("MatMul", query, key), graph.constant(np.array(scale, np.float32)))
    return graph.node("MatMul", graph.node("Softmax", products, axis=-1), value)


FLOAT_LAYERS: dict[type[nn.Module], Callable[..., str]] = {
    nn.LayerNorm: _layer_norm,
    nn.Softmax: _softmax,
    nn.LogSoftmax: _log_softmax,
    DotProductAttention: _dot_product,
    nn.MultiheadAttention: _attention,
}
"""The operators of a layer: of the layer, the graph and the names of its float32 inputs; the name of its result."""
