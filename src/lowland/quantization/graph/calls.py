"""What the functions and methods that networks call mean as nodes: one entry each."""

from __future__ import annotations

import builtins
import operator as operators
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.converter import Converter, LastStates, Rows, Sizes, Wire
from lowland.quantization.graph.modules import adaptive_pool, layer_of
from lowland.quantization.graph.operators import arguments_of, operator
from lowland.quantization.graph.step import INPUTS

Number = int | float
Handler = Callable[..., Any]


def add(c: Converter, input: Any, other: Any, *, alpha: Number = 1) -> Wire:
    """A sum of two values, or of a value and a constant."""
    if isinstance(input, Wire) and isinstance(other, Wire):
        return c.emit(operator("add"), input, c.scaled(other, alpha))
    if isinstance(input, Wire):
        return _shifted(c, input, _constant(other) * alpha)
    return _shifted(c, c.scaled(other, alpha), _constant(input))


def subtract(c: Converter, input: Any, other: Any, *, alpha: Number = 1) -> Wire:
    """A difference."""
    return add(c, input, other, alpha=-alpha)


def multiply(c: Converter, input: Any, other: Any) -> Wire:
    """A product of two values, or of a value and a constant."""
    if isinstance(input, Wire) and isinstance(other, Wire):
        return c.emit(operator("multiply"), input, other)
    value, constant = (input, _constant(other)) if isinstance(input, Wire) else (other, _constant(input))
    return c.scaled(value, float(constant)) if constant.numel() == 1 else c.affine(value, constant, None)


def divide(c: Converter, input: Any, other: Any) -> Wire:
    """A value divided by a constant."""
    if isinstance(other, Wire):
        c.refuse("divides by a value; expected division by constants: compute the reciprocal outside")
    return multiply(c, input, 1 / _constant(other).double())


def negative(c: Converter, input: Wire) -> Wire:
    """Minus the value."""
    return c.scaled(input, -1.0)


def square(c: Converter, input: Wire) -> Wire:
    """The value times itself."""
    return c.emit(operator("multiply"), input, input)


def power(c: Converter, input: Wire, exponent: Any) -> Wire:
    """The second power."""
    if exponent == 1:
        return input
    if exponent != 2:
        c.refuse(f"raises to the power {exponent}; expected 2")
    return square(c, input)


def concat(c: Converter, tensors: Sequence[Any], dim: int = 0) -> Wire:
    """Values side by side."""
    if not all(isinstance(wire, Wire) for wire in tensors):
        c.refuse("concatenates constants with values; expected values only: append the constants to a layer's bias")
    return c.emit(operator("concat", dim=c.dim(tensors[0], dim)), *tensors)


def stack(c: Converter, tensors: Sequence[Wire], dim: int = 0) -> Wire:
    """Values side by side along a new dimension."""
    place = c.dim(tensors[0], dim if dim >= 0 else dim + c.ndim(tensors[0]) + 1)
    return concat(c, [unsqueeze(c, wire, place) for wire in tensors], place)


def clamp(c: Converter, input: Wire, min: Any = None, max: Any = None) -> Wire:
    """Values cut off at one or two numbers."""
    if min == 0 and max is None:
        return c.emit(nn.ReLU(), input)
    if min is None or max is None or isinstance(min, Tensor | Wire) or isinstance(max, Tensor | Wire):
        c.refuse(f"clamps to {min} and {max}; expected two numbers, or 0 and None")
    return c.emit(nn.Hardtanh(float(min), float(max)), input)


def mean(c: Converter, input: Wire, dim: Any = None, keepdim: bool = False) -> Wire:
    """Means over dimensions."""
    if dim is None:
        c.refuse("takes the mean over all rows; expected dimensions behind the rows")
    dims = tuple(c.dim(input, d) for d in (dim if isinstance(dim, Sequence) else [dim]))
    shape = c.shape(input)
    from_end = [d - c.ndim(input) for d in dims]
    count = prod(shape[d - 1] for d in dims)
    return c.emit(operator("mean", dims=from_end, keepdim=keepdim, count=count), input)


def total(c: Converter, input: Wire, dim: Any = None, keepdim: bool = False) -> Wire:
    """Sums over dimensions."""
    wire = mean(c, input, dim, keepdim)
    return c.scaled(wire, float(arguments_of(c.nodes[wire.name].layer)["count"]))


def flatten(c: Converter, input: Wire, start_dim: int = 0, end_dim: int = -1) -> Wire:
    """Several dimensions made one."""
    if start_dim == 0 or (start_dim < 0 and c.dim(input, start_dim) == 0):
        c.refuse("flattens the rows too; expected start_dim=1 or more")
    return c.emit(nn.Flatten(start_dim, end_dim), input)


def reshape(c: Converter, input: Wire, *shape: Any) -> Wire:
    """Another shape."""
    sizes: list[Any] = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else list(shape)
    first, rest = sizes[0], sizes[1:]
    if not (isinstance(first, Rows) or first == -1) or any(isinstance(size, Rows) for size in rest):
        c.refuse(f"reshapes to {tuple(sizes)}; expected the number of rows first (x.shape[0] or -1), and nowhere else")
    if first == -1 and input.example is None and -1 in rest:
        c.refuse("reshapes with two sizes -1; expected one")
    if first == -1 and input.example is not None and -1 not in rest and prod(rest) != prod(c.shape(input)):
        c.refuse(f"reshapes rows of shape {c.shape(input)} to {tuple(rest)}; expected as many numbers in each row")
    if list(rest) == [-1]:
        return c.emit(nn.Flatten(), input)
    return c.reshape(input, tuple(int(size) for size in rest))


def view_as(c: Converter, input: Wire, other: Wire) -> Wire:
    """The shape of another value."""
    return c.reshape(input, c.shape(other))


def unflatten(c: Converter, input: Wire, dim: int, sizes: Sequence[int]) -> Wire:
    """One dimension made several."""
    return c.emit(nn.Unflatten(dim, tuple(sizes)), input)


def squeeze(c: Converter, input: Wire, dim: int | None = None) -> Wire:
    """Without a dimension of size 1, or without all of them."""
    if isinstance(input, LastStates) and dim == 0:
        return input.only
    shape = c.shape(input)
    if dim is None:
        return c.reshape(input, tuple(size for size in shape if size != 1))
    place = c.dim(input, dim) - 1
    return input if shape[place] != 1 else c.reshape(input, shape[:place] + shape[place + 1 :])


def tokens(c: Converter, input: Wire) -> Wire:
    """Whole numbers, which the network's own inputs are already where it takes them for tokens."""
    if input.name != INPUTS:
        c.refuse("cuts computed values down to whole numbers; expected that of the network's own inputs alone")
    return input


def unsqueeze(c: Converter, input: Wire, dim: int) -> Wire:
    """With another dimension of size 1."""
    shape = c.shape(input)
    place = dim - 1 if dim > 0 else dim + len(shape) + 1
    if place < 0:
        c.refuse("makes the rows a second dimension; expected them to stay the first")
    return c.reshape(input, (*shape[:place], 1, *shape[place:]))


def permute(c: Converter, input: Wire, *dims: Any) -> Wire:
    """Another order of dimensions."""
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], Sequence) else list(dims)
    return c.permute(input, tuple(dim % len(order) for dim in order))


def transpose(c: Converter, input: Wire, dim0: int, dim1: int) -> Wire:
    """Two dimensions exchanged."""
    order = list(range(c.ndim(input)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return c.permute(input, tuple(order))


def item(c: Converter, value: Any, index: Any) -> Any:
    """A part of a value."""
    if not isinstance(value, Wire):
        return value[index]
    places = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in places:
        gap = places.index(Ellipsis)
        known = sum(place is not None for place in places) - 1
        places[gap : gap + 1] = [slice(None)] * (c.ndim(value) - known)
    if not (isinstance(places[0], slice) and places[0] == slice(None)):
        c.refuse("picks rows; expected all of them, x[:, ...]")
    dim = 1
    for place in places[1:]:
        if place is None:
            value, dim = unsqueeze(c, value, dim), dim + 1
        elif isinstance(place, int):
            value = c.emit(operator("slice", dim=dim, index=place), value)
        elif isinstance(place, slice):
            if place != slice(None):
                part = {"start": place.start, "stop": place.stop, "step": place.step or 1}
                value = c.emit(operator("slice", dim=dim, **part), value)
            dim += 1
        else:
            c.refuse(f"picks {place!r}; expected numbers and slices")
    return value


def narrow(c: Converter, input: Wire, dim: int, start: int, length: int) -> Wire:
    """A part of one dimension."""
    return c.emit(operator("slice", dim=c.dim(input, dim), start=start, stop=start + length), input)


def select(c: Converter, input: Wire, dim: int, index: int) -> Wire:
    """One place of a dimension."""
    return c.emit(operator("slice", dim=c.dim(input, dim), index=index), input)


def split(c: Converter, tensor: Wire, split_size_or_sections: Any, dim: int = 0) -> tuple[Wire, ...]:
    """Parts of a dimension, by their sizes."""
    place = c.dim(tensor, dim)
    size = c.shape(tensor)[place - 1]
    sections = split_size_or_sections
    if isinstance(sections, int):
        sections = [min(sections, size - begin) for begin in range(0, size, sections)]
    begins = [sum(sections[:index]) for index in range(len(sections))]
    return tuple(narrow(c, tensor, place, begin, length) for begin, length in zip(begins, sections, strict=True))


def chunk(c: Converter, input: Wire, chunks: int, dim: int = 0) -> tuple[Wire, ...]:
    """Parts of a dimension, by their number."""
    return split(c, input, -(-c.shape(input)[c.dim(input, dim) - 1] // chunks), dim)


def unbind(c: Converter, input: Wire, dim: int = 0) -> tuple[Wire, ...]:
    """All places of a dimension."""
    place = c.dim(input, dim)
    return tuple(select(c, input, place, index) for index in range(c.shape(input)[place - 1]))


def pad(c: Converter, input: Wire, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Wire:
    """Zeros around a value."""
    if mode != "constant" or value not in (None, 0):
        c.refuse(f"pads with mode {mode!r} and value {value}; expected zeros")
    return c.emit(operator("pad", pad=list(pad)), input)


def interpolate(
    c: Converter, input: Wire, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **others: Any
) -> Wire:
    """Repeated values."""
    return layer_of(c, nn.Upsample(size, scale_factor, mode), input)


def matmul(c: Converter, input: Any, other: Any) -> Wire:
    """A product with a constant matrix from the right: a linear layer."""
    if not isinstance(input, Wire) or isinstance(other, Wire) or other.ndim != 2:
        c.refuse("multiplies matrices that both change; expected a value times a constant matrix [inputs, outputs]")
    return linear(c, input, other.mT)


def linear(c: Converter, input: Wire, weight: Tensor, bias: Tensor | None = None) -> Wire:
    """A linear layer whose weights are given."""
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
    return layer_of(c, _with_weights(layer, weight, bias), input)


def convolution(kind: type[nn.Module]) -> Handler:
    """A convolution whose weights are given."""

    def handler(
        c: Converter, input: Wire, weight: Tensor, bias: Tensor | None = None, *places: Any, **named: Any
    ) -> Wire:
        outputs, inputs, *kernel = weight.shape
        sizes = {**dict(zip(("stride", "padding", "dilation", "groups"), places, strict=False)), **named}
        channels = inputs * sizes.get("groups", 1)
        layer = kind(channels, outputs, tuple(kernel), bias=bias is not None, device="meta", **sizes)
        return layer_of(c, _with_weights(layer, weight, bias), input)

    return handler


def layer_norm(
    c: Converter, input: Wire, shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Wire:
    """A layer normalisation whose weights are given."""
    layer = nn.LayerNorm(tuple(shape), eps, elementwise_affine=weight is not None, bias=bias is not None)
    return layer_of(c, layer if weight is None else _with_weights(layer, weight, bias), input)


def dot_product_attention(c: Converter, query: Wire, key: Wire, value: Wire, *others: Any, **options: Any) -> Wire:
    """Attention without weights of its own."""
    known = {"is_causal": options.pop("is_causal", False), "scale": options.pop("scale", None)}
    if any(other is not None for other in others) or any(options.values()):
        c.refuse("is called with a mask, dropout or groups; expected none (is_causal and scale by name are known)")
    return c.emit(DotProductAttention(**known), query, key, value)


def size(c: Converter, input: Wire, dim: int | None = None) -> Any:
    """Sizes, or one of them."""
    sizes = Sizes(c) if input.example is None else (Rows(len(input.example)), *c.shape(input))
    return sizes if dim is None else sizes[dim]


def attribute(c: Converter, value: Any, name: str) -> Any:
    """An attribute of a value."""
    if not isinstance(value, Wire):
        return getattr(value, name)
    if name == "shape":
        return size(c, value)
    if name == "ndim":
        return c.ndim(value)
    if name in ("dtype", "device", "requires_grad", "is_cuda"):
        return getattr(value.example, name, torch.float32 if name == "dtype" else None)
    if name in ("T", "mT"):
        return transpose(c, value, -2, -1)
    c.refuse(f"uses the attribute {name!r} of a value; expected shape or ndim")


def same(c: Converter, input: Any, *others: Any, **more: Any) -> Any:
    """The value itself."""
    return input


def _made(layer: Callable[..., nn.Module]) -> Handler:
    """A call that a layer of torch stands for: its further arguments are the layer's."""

    def handler(c: Converter, input: Wire, *arguments: Any, **keywords: Any) -> Wire:
        return layer_of(c, layer(*arguments, **keywords), input)

    return handler


def _pooled(layer: type[nn.Module]) -> Handler:
    def handler(c: Converter, input: Wire, output_size: Any, return_indices: bool = False) -> Wire:
        if return_indices:
            c.refuse("returns indices; expected return_indices=False")
        return adaptive_pool(c, layer(output_size), input)

    return handler


def _dropped(c: Converter, input: Wire, p: float = 0.5, training: bool = True, inplace: bool = False) -> Wire:
    if training:
        c.refuse("drops values at random in evaluation; expected dropout(x, training=self.training)")
    return input


def _softmax(kind: type[nn.Module]) -> Handler:
    def handler(c: Converter, input: Wire, dim: int, *others: Any, **more: Any) -> Wire:
        return layer_of(c, kind(c.dim(input, dim)), input)

    return handler


def _constant(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value)


def _shifted(c: Converter, wire: Wire, constant: Tensor) -> Wire:
    return wire if not bool(constant.any()) else c.affine(wire, None, constant)


def _with_weights(layer: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer.weight = nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach(), requires_grad=bias.requires_grad)
    return layer


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "logsigmoid": nn.LogSigmoid,
}
"""Unary functions by their name in torch and the layer that computes them."""

_HANDLERS: dict[str, Handler] = {
    **{name: _made(layer) for name, layer in ACTIVATIONS.items()},
    "add": add,
    "iadd": add,
    "sub": subtract,
    "isub": subtract,
    "subtract": subtract,
    "mul": multiply,
    "imul": multiply,
    "multiply": multiply,
    "truediv": divide,
    "itruediv": divide,
    "div": divide,
    "neg": negative,
    "square": square,
    "pow": power,
    "cat": concat,
    "concat": concat,
    "concatenate": concat,
    "stack": stack,
    "clamp": clamp,
    "clip": clamp,
    "mean": mean,
    "sum": total,
    "flatten": flatten,
    "reshape": reshape,
    "view": reshape,
    "view_as": view_as,
    "unflatten": unflatten,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    "transpose": transpose,
    "swapaxes": transpose,
    "getitem": item,
    "narrow": narrow,
    "select": select,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "pad": pad,
    "interpolate": interpolate,
    "linear": linear,
    "matmul": matmul,
    "conv1d": convolution(nn.Conv1d),
    "conv2d": convolution(nn.Conv2d),
    "max_pool1d": _made(nn.MaxPool1d),
    "max_pool2d": _made(nn.MaxPool2d),
    "avg_pool1d": _made(nn.AvgPool1d),
    "avg_pool2d": _made(nn.AvgPool2d),
    "adaptive_avg_pool1d": _pooled(nn.AdaptiveAvgPool1d),
    "adaptive_avg_pool2d": _pooled(nn.AdaptiveAvgPool2d),
    "adaptive_max_pool1d": _pooled(nn.AdaptiveMaxPool1d),
    "adaptive_max_pool2d": _pooled(nn.AdaptiveMaxPool2d),
    "softmax": _softmax(nn.Softmax),
    "log_softmax": _softmax(nn.LogSoftmax),
    "layer_norm": layer_norm,
    "dropout": _dropped,
    "scaled_dot_product_attention": dot_product_attention,
    "size": size,
    "dim": lambda c, input: c.ndim(input),
    "getattr": attribute,
    "contiguous": same,
    "to": same,
    "float": same,
    "long": tokens,
    "int": tokens,
    "clone": same,
    "detach": same,
}

SIZES = frozenset({"size", "dim", "getattr"})
"""Calls whose results are no values but facts about them."""

STATES = frozenset({"getitem", "squeeze"})
"""Calls that pick one of the last states of recurrent layers."""


def handler_of(target: Any) -> Handler | None:
    """What turns a call of this function, or of the method of this name, into nodes; ``None`` where nothing does."""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    if name is not target and not any(
        getattr(m, name, None) is target for m in (operators, torch, functional, builtins)
    ):
        return None
    return _HANDLERS.get(name) or _HANDLERS.get(name.removesuffix("_"))  # relu_ changes its operand: see Memory
