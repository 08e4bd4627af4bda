"""What the layers that networks are made of mean as nodes: most stand for themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from lowland.coding.padded_recurrence import PaddedRecurrence
from lowland.quantization.graph.activations import TABLES
from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.converter import Converter, affine_layer
from lowland.quantization.graph.embedding_step import TokenEmbedding
from lowland.quantization.graph.float_step import FirstResult
from lowland.quantization.graph.operators import operator
from lowland.quantization.graph.parametric_relu import parametric_relu
from lowland.quantization.graph.pooling_steps import pair
from lowland.quantization.graph.recurrence import Recurrence
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.wires import LastStates, Wire

Handler = Callable[..., Any]

FLOATS = (nn.Softmax, nn.LogSoftmax, nn.LayerNorm, nn.GroupNorm, FirstResult, DotProductAttention)
"""Layers that compute in float inside an integer network."""


def layer_of(c: Converter, layer: nn.Module, *wires: Wire) -> Any:
    """The result of a layer.

    Args:
        c: Where its nodes are collected.
        layer: One that ``handler_of_layer`` knows.
        wires: What it takes.
    """
    handler = handler_of_layer(layer)
    assert handler is not None  # whoever calls has looked
    return handler(c, layer, *wires)


def itself(c: Converter, layer: nn.Module, *inputs: Wire) -> Wire:
    """The layer is a node as it is."""
    return c.emit(layer, *inputs)


def nothing(c: Converter, layer: nn.Module, input: Wire) -> Wire:
    """The layer does nothing in evaluation."""
    return input


def convolution(c: Converter, layer: Any, input: Wire) -> Wire:
    """A convolution padded by zeros."""
    if layer.padding_mode != "zeros":
        c.refuse(f"is padded by {layer.padding_mode!r}; expected 'zeros'")
    if input.example is not None and c.ndim(input) != layer.weight.ndim:
        c.refuse(f"gets values of {c.ndim(input)} dimensions; expected {layer.weight.ndim}, rows first")
    return c.emit(layer, input)


def flatten(c: Converter, layer: nn.Flatten, input: Wire) -> Wire:
    """Several dimensions made one, rows apart."""
    if layer.start_dim == 0:
        c.refuse(f", {layer!r}, flattens the rows too; expected start_dim=1 or more")
    return c.emit(layer, input)


def max_pool(c: Converter, layer: Any, input: Wire) -> Wire:
    """Windows of one size whose results are values and nothing else."""
    if layer.return_indices:
        c.refuse(f", {layer!r}, returns indices; expected return_indices=False")
    return c.emit(layer, input)


def average_pool(c: Converter, layer: Any, input: Wire) -> Wire:
    """Windows that divide by one number."""
    padded = any(layer.padding) if isinstance(layer.padding, tuple) else bool(layer.padding)
    divisor = getattr(layer, "divisor_override", None)
    if layer.ceil_mode or divisor is not None or (padded and not layer.count_include_pad):
        c.refuse(
            f", {layer!r}, divides by changing numbers; expected ceil_mode=False, divisor_override=None and "
            "count_include_pad=True"
        )
    return c.emit(layer, input)


def adaptive_pool(c: Converter, layer: Any, input: Wire) -> Wire:
    """Windows as large as the wanted number of them makes them."""
    two = isinstance(layer, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d)
    if getattr(layer, "return_indices", False):
        c.refuse(f", {layer!r}, returns indices; expected return_indices=False")
    given = c.shape(input)[1:]
    wanted = tuple(layer.output_size) if isinstance(layer.output_size, tuple) else (layer.output_size,) * len(given)
    wanted = tuple(size if want is None else want for want, size in zip(wanted, given, strict=True))
    if any(size % want for want, size in zip(wanted, given, strict=True)):
        c.refuse(f", {layer!r}, has windows of several sizes for {given}; expected an output size that divides it")
    kernel = tuple(size // want for want, size in zip(wanted, given, strict=True))
    average = isinstance(layer, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d)
    if average and set(wanted) == {1}:
        dims = [-2, -1] if two else [-1]
        return c.emit(operator("mean", dims=dims, keepdim=True, count=torch.Size(given).numel()), input)
    if average:
        return c.emit(nn.AvgPool2d(kernel) if two else nn.AvgPool1d(kernel), input)
    return c.emit(nn.MaxPool2d(cast(tuple[int, int], kernel)) if two else nn.MaxPool1d(kernel[0]), input)


def batch_norm(c: Converter, layer: _BatchNorm, input: Wire) -> Wire:
    """A batch-norm that no layer could take in: a factor and a summand for each channel."""
    if layer.running_mean is None or layer.running_var is None:
        c.refuse("keeps no running statistics, so that rows depend on each other; expected track_running_stats=True")
    mean, variance = layer.running_mean.double(), layer.running_var.double()
    gain = (variance + layer.eps).rsqrt() * (1 if layer.weight is None else layer.weight.double())
    shift = -mean * gain + (0 if layer.bias is None else layer.bias.double())
    trained = layer.weight is None or layer.weight.requires_grad
    dim = 1 - c.ndim(input)
    affine = c.once(lambda: affine_layer(gain.detach(), shift.detach(), dim), layer, dim)
    return c.emit(affine.requires_grad_(trained), input)


def zero_pad(c: Converter, layer: Any, input: Wire) -> Wire:
    """Zeros around a value."""
    if getattr(layer, "value", 0) != 0:
        c.refuse(f", {layer!r}, pads with {layer.value}; expected zeros")
    return c.emit(operator("pad", pad=list(layer.padding)), input)


def upsample(c: Converter, layer: nn.Upsample, input: Wire) -> Wire:
    """Values repeated a whole number of times."""
    given = c.shape(input)[1:]
    if layer.mode != "nearest":
        c.refuse(f", {layer!r}, interpolates; expected mode='nearest'")
    factors = layer.scale_factor
    if layer.size is not None:
        sizes = pair(layer.size) if len(given) == 2 else (layer.size,)
        factors = tuple(size / old for size, old in zip(sizes, given, strict=True))  # type: ignore[operator]  # ints
    every = factors if isinstance(factors, tuple) else (factors,) * len(given)
    if any(factor is None or float(factor) != int(factor) or factor < 1 for factor in every):
        c.refuse(f", {layer!r}, repeats by {factors}; expected whole numbers")
    return c.emit(operator("upsample", factors=[int(cast(float, factor)) for factor in every]), input)


def softmax(c: Converter, layer: Any, input: Wire) -> Wire:
    """Along a dimension that is said."""
    if layer.dim is None:
        c.refuse("has no dim; expected one, such as -1")
    c.dim(input, layer.dim if layer.dim >= 0 or input.example is not None else 1)
    return c.emit(layer, input)


def attention(c: Converter, layer: nn.MultiheadAttention, query: Wire, key: Wire, value: Wire, **others: Any) -> Any:
    """Attention over the rows' own places; its weights are not given."""
    asked = {name: given for name, given in others.items() if given not in (None, False)}
    for only_of_weights in ("need_weights", "average_attn_weights"):
        asked.pop(only_of_weights, None)
    if asked or not layer.batch_first:
        c.refuse(f"is called with {asked or 'rows second'}; expected batch_first=True and no masks")
    return c.emit(FirstResult(layer), query, key, value), None


def embedding(c: Converter, layer: nn.Embedding, input: Wire) -> Wire:
    """Rows of weights, chosen by the network's own inputs."""
    if layer.max_norm is not None:
        c.refuse(f", {layer!r}, changes its weights when it is called; expected max_norm=None")
    if input.name != INPUTS:
        c.refuse("chooses rows of weights by computed values; expected the network's own inputs, as they come")
    tokens = TokenEmbedding(layer.num_embeddings, layer.embedding_dim, layer.padding_idx, device="meta")
    tokens.weight = layer.weight
    if (mask := layer._buffers.get("weight_mask")) is not None:
        tokens.register_buffer("weight_mask", mask)
    return c.emit(tokens, input)


def recurrence(c: Converter, layer: nn.LSTM | nn.GRU, input: Wire, hx: Any = None) -> Any:
    """Scans, one a layer and direction; as torch, all hidden states of the last layer, and the last ones of each."""
    if hx is not None:
        c.refuse("is given its first state; expected none, so that it begins with zeros")
    if not layer.batch_first or layer.proj_size:
        c.refuse(f", {layer!r}, has rows second or projections; expected batch_first=True and proj_size=0")
    if input.example is not None and c.ndim(input) != 3:
        c.refuse(f"gets values of {c.ndim(input)} dimensions; expected [rows, places, features]")
    name, last = c.name, []
    for index in range(layer.num_layers):
        ways = []
        for end in ("", "_reverse") if layer.bidirectional else ("",):
            suffix = f"_l{index}{end}" if layer.num_layers > 1 or layer.bidirectional else ""
            c.at(name=f"{name}{suffix}", place=c.place, path=c.path)
            ways.append(c.emit(_cell(layer, f"_l{index}{end}"), input))
            last.append(c.emit(operator("slice", dim=1, index=0 if end else -1), ways[-1]))
        c.at(name=name, place=c.place, path=c.path)
        input = ways[0] if len(ways) == 1 else c.emit(operator("concat", dim=2), *ways)
    states = LastStates(c.place, last)
    return input, (states, LastStates(c.place)) if isinstance(layer, nn.LSTM) else states


def padded_recurrence(c: Converter, layer: PaddedRecurrence, sequence: Wire, tokens: Wire) -> Wire:
    """A scan that padded places do not change."""
    if tokens.name != INPUTS:
        c.refuse("tells padding by computed values; expected the network's own inputs, as they come")
    return c.emit(_cell(layer.recurrence, "_l0", padding=layer.padding_idx), sequence, tokens)


def _cell(layer: Any, suffix: str, padding: int | None = None) -> Recurrence:
    """One layer in one direction."""
    parts = []
    for part in ("ih", "hh"):
        weight = getattr(layer, f"weight_{part}{suffix}")
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias, device="meta")
        for kind in ("weight", "bias") if layer.bias else ("weight",):
            given = getattr(layer, f"{kind}_{part}{suffix}")
            setattr(linear, kind, nn.Parameter(given.detach(), requires_grad=given.requires_grad))
            if (mask := layer._buffers.get(f"{kind}_{part}{suffix}_mask")) is not None:
                linear.register_buffer(f"{kind}_mask", mask)
        parts.append(linear)
    kind = "lstm" if isinstance(layer, nn.LSTM) else "gru"
    return Recurrence(kind, parts[0], parts[1], reverse=suffix.endswith("_reverse"), padding=padding)


def prelu(c: Converter, layer: nn.PReLU, input: Wire) -> Wire:
    """What lies above 0, plus a trained factor times what lies below: relu(x) - a relu(-x)."""
    return parametric_relu(c, layer.weight, input)


MODULES: dict[type[nn.Module], Handler] = {
    nn.Linear: itself,
    nn.Conv1d: convolution,
    nn.Conv2d: convolution,
    nn.ConvTranspose1d: convolution,
    nn.ConvTranspose2d: convolution,
    nn.ReLU: itself,
    nn.PReLU: prelu,
    **dict.fromkeys(TABLES, itself),
    nn.Identity: nothing,
    nn.Dropout: nothing,
    _DropoutNd: nothing,
    nn.Flatten: flatten,
    nn.Unflatten: itself,
    nn.MaxPool1d: max_pool,
    nn.MaxPool2d: max_pool,
    nn.AvgPool1d: average_pool,
    nn.AvgPool2d: average_pool,
    nn.AdaptiveAvgPool1d: adaptive_pool,
    nn.AdaptiveAvgPool2d: adaptive_pool,
    nn.AdaptiveMaxPool1d: adaptive_pool,
    nn.AdaptiveMaxPool2d: adaptive_pool,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.ZeroPad1d: zero_pad,
    nn.ZeroPad2d: zero_pad,
    nn.ConstantPad1d: zero_pad,
    nn.ConstantPad2d: zero_pad,
    nn.Upsample: upsample,
    nn.MultiheadAttention: attention,
    nn.Embedding: embedding,
    nn.LSTM: recurrence,
    nn.GRU: recurrence,
    PaddedRecurrence: padded_recurrence,
    DotProductAttention: itself,
    nn.LayerNorm: itself,
    nn.GroupNorm: itself,
    nn.Softmax: softmax,
    nn.LogSoftmax: softmax,
}
"""Layers of torch by what turns them into nodes; others are looked into."""


def is_placewise(layer: nn.Module) -> bool:
    """Whether a layer does the same at every place, with any number of dimensions before the last."""
    if isinstance(layer, nn.PReLU):
        return layer.weight.numel() == 1
    return isinstance(layer, (nn.Linear, nn.ReLU, *TABLES, nn.Identity, nn.Dropout, nn.LayerNorm))


def handler_of_layer(layer: nn.Module) -> Handler | None:
    """What turns a layer into nodes: that of its class, or of the class whose ``forward`` it has."""
    if type(layer) in MODULES:
        return MODULES[type(layer)]
    return next(
        (handler for kind, handler in MODULES.items() if isinstance(layer, kind) and _computes_as(layer, kind)), None
    )


def _computes_as(layer: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer of a derived class does what its parent does."""
    return type(layer).forward is kind.forward or isinstance(layer, nn.Identity | _DropoutNd)
