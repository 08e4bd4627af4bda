"""Sums, products, limits and means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization.graph.activations import Unary
from lowland.quantization.graph.calls.layers import linear
from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.operators import arguments_of, operator
from lowland.quantization.graph.parametric_relu import parametric_relu
from lowland.quantization.graph.wires import Wire

Number = int | float


def add(c: Converter, input: Any, other: Any, *, alpha: Number = 1) -> Wire:
    """A sum of two values, or of a value and a constant."""
    if isinstance(input, Wire) and isinstance(other, Wire):
        return c.emit(operator("add"), input, c.scaled(other, alpha))
    if isinstance(input, Wire):
        return _shifted(c, input, _constant(other) if alpha == 1 else _derived(c, _times, _constant(other), alpha))
    return _shifted(c, c.scaled(other, alpha), _constant(input))


def subtract(c: Converter, input: Any, other: Any, *, alpha: Number = 1) -> Wire:
    """A difference."""
    return add(c, input, other, alpha=-alpha)


def multiply(c: Converter, input: Any, other: Any) -> Wire:
    """A product of two values, or of a value and a constant."""
    if isinstance(input, Wire) and isinstance(other, Wire):
        return c.emit(operator("multiply"), input, other)
    value, constant = (input, _constant(other)) if isinstance(input, Wire) else (other, _constant(input))
    if constant.numel() == 1 and not constant.requires_grad:
        return c.scaled(value, float(constant))
    return c.affine(value, constant, None)


def divide(c: Converter, input: Any, other: Any) -> Wire:
    """A value divided by a constant."""
    if isinstance(other, Wire):
        c.refuse("divides by a value; expected division by constants: compute the reciprocal outside")
    return multiply(c, input, _derived(c, _inverse, _constant(other)))


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


def prelu(c: Converter, input: Wire, weight: Tensor) -> Wire:
    """A rectifier with a trained slope below 0."""
    return parametric_relu(c, weight, input)


def clamp(c: Converter, input: Wire, min: Any = None, max: Any = None) -> Wire:
    """Values cut off at one or two numbers."""
    if min == 0 and max is None:
        return c.emit(nn.ReLU(), input)
    ends = {name: end for name, end in (("min", min), ("max", max)) if end is not None}
    if not ends or any(isinstance(end, Tensor | Wire) for end in ends.values()):
        c.refuse(f"clamps to {min} and {max}; expected one or two numbers")
    return c.emit(Unary("clamp", **{name: float(end) for name, end in ends.items()}), input)


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


def matmul(c: Converter, input: Any, other: Any) -> Wire:
    """A product with a constant matrix from the right: a linear layer."""
    if not isinstance(input, Wire) or isinstance(other, Wire) or other.ndim != 2:
        c.refuse("multiplies matrices that both change; expected a value times a constant matrix [inputs, outputs]")
    return linear(c, input, other.mT)


def _constant(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value)


def _times(constant: Tensor, factor: Number) -> Tensor:
    return constant * factor


def _inverse(constant: Tensor) -> Tensor:
    return 1 / constant.double()


def _derived(c: Converter, function: Callable[..., Tensor], constant: Tensor, *others: Number) -> Tensor:
    """A function of a constant, trained if the constant is; the same tensor for the same constant."""

    def made() -> Tensor:
        result = function(constant.detach(), *others)
        return result.requires_grad_() if constant.requires_grad else result

    return c.once(made, function.__name__, constant, *others)


def _shifted(c: Converter, wire: Wire, constant: Tensor) -> Wire:
    unchanging = not constant.requires_grad and not bool(constant.any())
    return wire if unchanging else c.affine(wire, None, constant)
