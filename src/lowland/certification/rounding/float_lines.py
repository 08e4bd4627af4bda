"""The float network's operations between two lines, for bounds by substitution; one registered rule a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from lowland.certification.real_network import Operation
from lowland.certification.rounding.linear_parts import Vector, linear_parts
from lowland.certification.rounding.symbolic import Box, Line, Symbolic
from lowland.errors import LowlandError

Shapes = Mapping[str, tuple[int, ...]]
Rule = Callable[[Symbolic, str, Operation, Mapping[str, str], Shapes], None]

_SLACK = 1e-10


def put_affine(symbolic: Symbolic, name: str, operation: Operation, names: Mapping[str, str], shapes: Shapes) -> None:
    """Whatever is linear up to an offset: layers with weights, sums, changes of shape."""
    symbolic.put_sum(name, affine_line(operation, names, shapes))


def affine_line(operation: Operation, names: Mapping[str, str], shapes: Shapes) -> Line:
    """A linear operation as a line of its operands.

    Args:
        operation: Of kind ``weighted`` or ``linear``.
        names: What its operands are called.
        shapes: Of its operands for one row.
    """
    matrices, offset = _parts(operation, tuple(shapes[source] for source in operation.inputs))
    line = Line({}, offset)
    for source, matrix in zip(operation.inputs, matrices, strict=True):
        line = line.plus(names[source], matrix)
    return line


@lru_cache(maxsize=64)
def _parts(operation: Operation, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[csr_array], Vector]:
    """Matrices and offset; kept, as the same networks are asked about box by box."""
    with torch.no_grad():
        return linear_parts(operation.layer, shapes, torch.float64)


def put_activation(
    symbolic: Symbolic, name: str, operation: Operation, names: Mapping[str, str], shapes: Shapes
) -> None:
    """An activation of linear pieces between two lines: chord and parallel; of ReLU the better of 0 and identity below.

    Raises:
        LowlandError: One that is not made of linear pieces.
    """
    source = names[operation.inputs[0]]
    lower, upper = symbolic.boxes[source]
    bends = bends_of(operation)
    points = np.stack([lower, upper, *(np.full_like(lower, bend).clip(lower, upper) for bend in bends)])
    values = operation.layer(torch.from_numpy(points)).numpy()
    width = upper - lower
    slope = np.where(width > 0, (values[1] - values[0]) / np.where(width > 0, width, 1.0), 0.0)
    rest = values - slope * points
    low, high = rest.min(0), rest.max(0)
    slack = _SLACK * (1 + np.abs(points).max(0))
    lower_slope = slope
    if isinstance(operation.layer, nn.ReLU):
        bent = (lower < 0) & (upper > 0)
        lower_slope, low = np.where(bent, (upper > -lower) * 1.0, slope), np.where(bent, 0.0, low)
    box = Box(values.min(0), values.max(0))
    symbolic.put(
        name,
        Line.diagonal(source, lower_slope, low - slack),
        Line.diagonal(source, slope, high + slack),
        box,
    )


def bends_of(operation: Operation) -> tuple[float, ...]:
    """Where an activation changes its slope.

    Raises:
        LowlandError: One that is not made of linear pieces.
    """
    layer = operation.layer
    if isinstance(layer, nn.ReLU | nn.LeakyReLU):
        return (0.0,)
    if isinstance(layer, nn.Hardtanh):  # ReLU6 is one of them
        return (float(layer.min_val), float(layer.max_val))
    raise LowlandError(
        f"the activation {operation.name} ({type(layer).__name__}) of the float network is not made of linear pieces; "
        "expected ReLU, LeakyReLU, Hardtanh or ReLU6"
    )


FLOAT_RULES: dict[str, Rule] = {"weighted": put_affine, "linear": put_affine, "activation": put_activation}
"""By the kind of operation; other kinds are refused by name."""


def refuse_unknown(operations: Mapping[str, Operation]) -> None:
    """Refuse a float network with operations that have no rule.

    Raises:
        LowlandError: All of them are named.
    """
    if unknown := [f"{name} ({made.kind})" for name, made in operations.items() if made.kind not in FLOAT_RULES]:
        raise LowlandError(
            f"the float network has {len(unknown)} operation{'s' * (len(unknown) > 1)} without a rule: "
            f"{', '.join(unknown)}; expected kinds {', '.join(FLOAT_RULES)}"
        )
    for operation in operations.values():
        if operation.kind == "activation":
            bends_of(operation)
