"""A rectifier with a trained slope below 0, out of rectifiers and a factor."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.quantization.graph.converter import Converter, affine_layer
from lowland.quantization.graph.operators import operator
from lowland.quantization.graph.wires import Wire


def parametric_relu(c: Converter, slope: Tensor, input: Wire) -> Wire:
    """What lies above 0, plus a factor times what lies below: relu(x) - a relu(-x).

    Args:
        c: Where its nodes are collected.
        slope: [1], or [channels] along the first dimension behind the rows.
        input: The value.
    """
    name, dim = c.name, -1 if slope.numel() == 1 else 1 - c.ndim(input)

    def made() -> nn.Module:
        return affine_layer(-slope.detach(), None, dim).requires_grad_(slope.requires_grad)

    c.at(name=f"{name}_above", place=c.place, path=c.path)
    above = c.emit(nn.ReLU(), input)
    c.at(name=f"{name}_below", place=c.place, path=c.path)
    below = c.emit(nn.ReLU(), c.scaled(input, -1.0))
    c.at(name=f"{name}_slope", place=c.place, path=c.path)
    sloping = c.emit(c.once(made, "prelu", slope, dim), below)
    c.at(name=name, place=c.place, path=c.path)
    return c.emit(operator("add"), above, sloping)
