"""Which call becomes which nodes: one entry each."""

from __future__ import annotations

import builtins
import operator as operators
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from lowland.quantization.graph.activations import ACTIVATIONS, UNARY
from lowland.quantization.graph.calls import arithmetic, layers, shapes
from lowland.quantization.graph.modules import Handler

_HANDLERS: dict[str, Handler] = {
    "relu": layers.made(nn.ReLU),
    **{name: layers.made(layer) for layer, (name, _) in ACTIVATIONS.items()},
    **{name: layers.unary(name) for name in UNARY},
    "add": arithmetic.add,
    "iadd": arithmetic.add,
    "sub": arithmetic.subtract,
    "isub": arithmetic.subtract,
    "subtract": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "imul": arithmetic.multiply,
    "multiply": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "itruediv": arithmetic.divide,
    "div": arithmetic.divide,
    "prelu": arithmetic.prelu,
    "neg": arithmetic.negative,
    "square": arithmetic.square,
    "pow": arithmetic.power,
    "cat": shapes.concat,
    "concat": shapes.concat,
    "concatenate": shapes.concat,
    "stack": shapes.stack,
    "clamp": arithmetic.clamp,
    "clip": arithmetic.clamp,
    "mean": arithmetic.mean,
    "sum": arithmetic.total,
    "flatten": shapes.flatten,
    "reshape": shapes.reshape,
    "view": shapes.reshape,
    "view_as": shapes.view_as,
    "unflatten": shapes.unflatten,
    "squeeze": shapes.squeeze,
    "unsqueeze": shapes.unsqueeze,
    "permute": shapes.permute,
    "transpose": shapes.transpose,
    "swapaxes": shapes.transpose,
    "getitem": shapes.item,
    "narrow": shapes.narrow,
    "select": shapes.select,
    "split": shapes.split,
    "chunk": shapes.chunk,
    "unbind": shapes.unbind,
    "pad": shapes.pad,
    "interpolate": layers.interpolate,
    "linear": layers.linear,
    "matmul": arithmetic.matmul,
    "conv1d": layers.convolution(nn.Conv1d),
    "conv2d": layers.convolution(nn.Conv2d),
    "max_pool1d": layers.made(nn.MaxPool1d),
    "max_pool2d": layers.made(nn.MaxPool2d),
    "avg_pool1d": layers.made(nn.AvgPool1d),
    "avg_pool2d": layers.made(nn.AvgPool2d),
    "adaptive_avg_pool1d": layers.pooled(nn.AdaptiveAvgPool1d),
    "adaptive_avg_pool2d": layers.pooled(nn.AdaptiveAvgPool2d),
    "adaptive_max_pool1d": layers.pooled(nn.AdaptiveMaxPool1d),
    "adaptive_max_pool2d": layers.pooled(nn.AdaptiveMaxPool2d),
    "softmax": layers.softmax(nn.Softmax),
    "log_softmax": layers.softmax(nn.LogSoftmax),
    "layer_norm": layers.layer_norm,
    "dropout": layers.dropped,
    "scaled_dot_product_attention": layers.dot_product_attention,
    "size": shapes.size,
    "dim": lambda c, input: c.ndim(input),
    "getattr": shapes.attribute,
    "contiguous": layers.same,
    "to": layers.moved,
    "float": layers.same,
    "long": layers.tokens,
    "int": layers.tokens,
    "clone": layers.same,
    "detach": layers.same,
}

SIZES = frozenset({"size", "dim", "getattr"})
"""Calls whose results are no values but facts about them."""

STATES = frozenset({"getitem", "squeeze"})
"""Calls that pick one of the last states of recurrent layers."""


RESHAPING = frozenset({"reshape", "view", "unflatten", "flatten", *SIZES})
"""Calls that know of places counted among the rows."""

PLACEWISE = frozenset(
    {"relu", *(name for name, _ in ACTIVATIONS.values()), *UNARY, "linear", "matmul", "layer_norm"}
    | {"add", "iadd", "sub", "isub", "subtract", "mul", "imul", "multiply", "truediv", "itruediv", "div", "neg"}
    | {"square", "pow", "clamp", "clip", "dropout", "contiguous", "to", "float", "clone", "detach"}
)
"""Calls that do the same at every place, with any number of dimensions before the last."""


def handler_of(target: Any) -> Handler | None:
    """What turns a call of this function, or of the method of this name, into nodes; ``None`` where nothing does."""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    if name is not target and not any(
        getattr(m, name, None) is target for m in (operators, torch, functional, builtins)
    ):
        return None
    return _HANDLERS.get(name) or _HANDLERS.get(name.removesuffix("_"))  # relu_ changes its operand: see Memory
