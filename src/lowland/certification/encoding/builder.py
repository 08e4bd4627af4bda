"""What the rules of the encoding write to, and what they know of the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.encoding.scalar_network import Numbers, Places, ScalarNetwork
from lowland.certification.real_network import Operation
from lowland.certification.weight_box import WeightBox


@dataclass(frozen=True)
class Matrices:
    """An operation as numbers: results = W values + b, within E |values| + e.

    Attributes:
        weights: W [results, values], all operands one behind the other.
        biases: b [results].
        radii: E.
        bias_radii: e.
    """

    weights: Numbers
    biases: Numbers
    radii: Numbers | None
    bias_radii: Numbers


@dataclass(eq=False)
class Builder:
    """A scalar network in the making.

    Attributes:
        box: How far weights and biases move.
        network: What has been made so far.
        exact: Whether what was made takes every value that the network with its box takes, and no other.
        deltas: Free movements of parameters that act several times, by parameter: where they are variables.
        matrices: Of operations, kept for all rows of a question.
    """

    box: WeightBox
    network: ScalarNetwork = field(default_factory=ScalarNetwork)
    exact: bool = True
    deltas: dict[str, Places] = field(default_factory=dict)
    matrices: dict[str, Matrices] = field(default_factory=dict)

    def radius(self, operation: Operation, parameter: str) -> Tensor | None:
        """How far a parameter moves; ``None`` where it stands still or there is none."""
        tensor = operation.parameters.get(parameter)
        if tensor is None:
            return None
        radius = self.box.radius(f"{operation.name}.{parameter}", tensor)
        return radius if bool(radius.any()) else None

    def matrices_of(self, operation: Operation, sizes: tuple[tuple[int, ...], ...]) -> Matrices:
        """An affine operation as matrices.

        Args:
            operation: Of kind ``weighted`` or ``linear``.
            sizes: Shapes of its operands for one row.
        """
        kept = self.matrices.get(operation.name)
        if kept is None:
            kept = self.matrices[operation.name] = self._matrices(operation, sizes)
        return kept

    def _matrices(self, operation: Operation, sizes: tuple[tuple[int, ...], ...]) -> Matrices:
        weight, bias = self.radius(operation, "weight"), self.radius(operation, "bias")
        origin = _rows([torch.zeros(1, *size, dtype=torch.float64) for size in sizes], operation, {})
        columns = _unit_rows(sizes)
        no_bias = {"bias": torch.zeros_like(operation.parameters["bias"])} if "bias" in operation.parameters else {}
        # Differences from the result of zeros would cancel digits; without its bias an operation is linear as it is.
        weights = _rows(columns, operation, no_bias)
        if not operation.parameters:
            weights = weights - origin
        radii = None if weight is None else _rows(columns, operation, {"weight": weight, **no_bias}).T
        bias_radii = np.zeros(origin.shape[1])
        if bias is not None:
            zeros = [torch.zeros(1, *size, dtype=torch.float64) for size in sizes]
            bias_radii = _rows(zeros, operation, {"bias": bias})[0]
        return Matrices(weights.T, origin[0], radii, bias_radii)


Rule = Callable[[Operation, list[Places], list[tuple[int, ...]], Builder], Places]
"""Places of an operation's results, in their flat order, from those of its operands and their shapes for one row."""


def _unit_rows(sizes: tuple[tuple[int, ...], ...]) -> list[Tensor]:
    """For each operand all unit vectors of all operands [values, ...]."""
    counts = [int(np.prod(size)) for size in sizes]
    units = torch.eye(sum(counts), dtype=torch.float64).split(counts, dim=1)
    return [unit.reshape(-1, *size) for unit, size in zip(units, sizes, strict=True)]


def _rows(operands: list[Tensor], operation: Operation, parameters: dict[str, Tensor]) -> Numbers:
    """Results of an operation with other parameters [rows, results]."""
    with torch.no_grad():
        result: Tensor = functional_call(operation.layer, parameters, tuple(operands))
    return np.asarray(result.flatten(1).numpy())
