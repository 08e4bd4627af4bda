"""What is known of a network's results: an interval an element, and the box that its weights move in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.query import Query
from lowland.certification.real_network import Operation
from lowland.certification.relaxation.interval import SMALLEST, Interval, roundoff
from lowland.certification.relaxation.lines import Lines


@dataclass(frozen=True, eq=False)
class MovingLayer:
    """A weighted operation whose weights and biases move, its radii enlarged by what float64 rounds away.

    Sums of products in float64 are sums of other products in real arithmetic, with weights that differ by a share of
    their size (backward error): a box that is larger by this share covers both, forwards and backwards.

    Attributes:
        operation: The layer and its shape.
        radii: Of ``weight`` and ``bias``, enlarged.
    """

    operation: Operation
    radii: Mapping[str, Tensor]

    @classmethod
    def of(cls, operation: Operation, query: Query) -> MovingLayer:
        """The layer with its box."""
        terms = max(sum(tensor.numel() for tensor in operation.parameters.values()), *operation.shape)
        share = roundoff(terms)
        radii = {}
        for name, tensor in operation.parameters.items():
            radius = query.box.radius(f"{operation.name}.{name}", tensor)
            radii[name] = (radius + share * (tensor.abs() + radius)) * (1 + share) + SMALLEST
        return cls(operation, radii)

    @property
    def weight(self) -> Tensor:
        """The weights in the middle of the box."""
        return self.operation.parameters["weight"]

    @property
    def bias(self) -> Tensor | None:
        """The biases in the middle of the box."""
        return self.operation.parameters.get("bias")

    def applied(self, values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The layer's sums [rows, ...] with other weights, and with these biases instead of its own.

        Args:
            values: [rows, ...].
            weight: In the shape of the weights.
            bias: In the shape of the biases; without them, zeros.
        """
        parameters = {"weight": weight}
        if self.bias is not None:
            parameters["bias"] = torch.zeros_like(self.bias) if bias is None else bias
        sums: Tensor = functional_call(self.operation.layer, parameters, (values,))
        return sums


@dataclass(eq=False)
class Enclosure:
    """Intervals of the operations' results for every row of a query.

    Attributes:
        query: What is enclosed.
        intervals: By name of the operation, and ``inputs``.
        empty: Rows [rows] whose limits no weights and inputs of the boxes can hold: anything is true of them.
        moving: Weighted operations with their boxes, once they were asked for.
        lines: Lines around activations, likewise.
    """

    query: Query
    intervals: dict[str, Interval]
    empty: Tensor
    moving: dict[str, MovingLayer] = field(default_factory=dict)
    lines: dict[str, Lines] = field(default_factory=dict)

    def layer(self, operation: Operation) -> MovingLayer:
        """A weighted operation with its box, made once."""
        if operation.name not in self.moving:
            self.moving[operation.name] = MovingLayer.of(operation, self.query)
        return self.moving[operation.name]

    def operands(self, operation: Operation) -> list[Interval]:
        """The intervals that an operation takes."""
        return [self.intervals[source] for source in operation.inputs]
