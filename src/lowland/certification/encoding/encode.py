"""A question on one row as a scalar network: one rule a kind of operation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from lowland.certification.encoding.activation import encode_activation
from lowland.certification.encoding.builder import Builder, Matrices, Rule
from lowland.certification.encoding.linear import encode_linear
from lowland.certification.encoding.maximum import encode_maximum
from lowland.certification.encoding.rounding import encode_rounding
from lowland.certification.encoding.scalar_network import Numbers, Places, ScalarNetwork
from lowland.certification.encoding.weighted import encode_weighted
from lowland.certification.query import Query
from lowland.certification.real_network import Kind, RealNetwork
from lowland.certification.weight_box import WeightBox
from lowland.quantization.graph.step import INPUTS

RULES: dict[Kind, Rule] = {
    "weighted": encode_weighted,
    "activation": encode_activation,
    "linear": encode_linear,
    "maximum": encode_maximum,
    "rounding": encode_rounding,
}


@dataclass(frozen=True, eq=False)
class Encoded:
    """A row's question as single numbers.

    Attributes:
        network: All values.
        places: Of the results of each operation in ``network``, flat, by its name; ``inputs`` are the network's own.
            Weighted sums that only go into a ReLU have none.
        outputs: Places of the outputs.
        exact: Whether the values are those that the network with its boxes takes, and no others.
        deltas: Places of the movements of shared parameters, by ``<operation>.weight`` or ``.bias``.
    """

    network: ScalarNetwork
    places: dict[str, Places]
    outputs: Places
    exact: bool
    deltas: dict[str, Places]


class Encoder:
    """Encodes the rows of a question; what they have in common is made once.

    Args:
        network: Whose values.
        box: How far its weights move.

    Attributes:
        matrices: Of the operations that were encoded so far.
    """

    def __init__(self, network: RealNetwork, box: WeightBox) -> None:
        self._network, self._box = network, box
        self.matrices: dict[str, Matrices] = {}
        self._joins = _joins(network)

    @classmethod
    def of(cls, query: Query) -> Encoder:
        """Of a question's network and box."""
        return cls(query.network, query.box)

    def __call__(self, lower: Numbers, upper: Numbers) -> Encoded:
        """One row.

        Args:
            lower: Lower ends of its inputs, in their shape.
            upper: Upper ends.

        Raises:
            LowlandError: An activation that is not made of linear pieces.
        """
        network = ScalarNetwork()
        inputs = network.add_inputs(lower.ravel(), upper.ravel())
        return self.joined(network, inputs, lower.shape)

    def joined(self, network: ScalarNetwork, inputs: Places, shape: tuple[int, ...]) -> Encoded:
        """The same for inputs that stand in a scalar network already, as those of another network.

        Args:
            network: Gets the new values.
            inputs: Places of the inputs.
            shape: Theirs for one row.
        """
        builder = Builder(self._box, network, matrices=self.matrices)
        places, shapes = {INPUTS: inputs}, {INPUTS: shape}
        for operation in self._network.operations.values():
            shapes[operation.name] = operation.shape
            if operation.name in self._joins.values():
                continue  # is encoded with the ReLU that takes it
            sums = self._network.operations.get(self._joins.get(operation.name, ""), operation)
            operands = [places[name] for name in sums.inputs]
            sizes = [shapes[name] for name in sums.inputs]
            if sums is operation:
                places[operation.name] = RULES[operation.kind](operation, operands, sizes, builder)
            else:
                places[operation.name] = encode_weighted(sums, operands, sizes, builder, positive=True)
        return Encoded(network, places, places[self._network.output.name], builder.exact, builder.deltas)


def _joins(network: RealNetwork) -> dict[str, str]:
    """The weighted operation before each ReLU that alone takes it.

    Together they need a binary only where the greatest that a sum can be has no known sign.
    """
    takers = [source for operation in network.operations.values() for source in operation.inputs]
    joins = {}
    for operation in network.operations.values():
        before = network.operations.get(operation.inputs[0])
        if before is None or before.kind != "weighted" or not isinstance(operation.layer, nn.ReLU):
            continue
        if takers.count(before.name) == 1:
            joins[operation.name] = before.name
    return joins


def encoded_row(query: Query, row: int, encoder: Encoder | None = None) -> Encoded:
    """One row of a question.

    Args:
        query: The question.
        row: Which of its rows.
        encoder: Of this question, where several rows are encoded.
    """
    lower, upper = query.inputs.lower[row].numpy(), query.inputs.upper[row].numpy()
    return (encoder or Encoder.of(query))(np.asarray(lower), np.asarray(upper))
