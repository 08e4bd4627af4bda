"""Members of a box: movements of weights, biases, roundings and inputs, and what a network then computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.query import Query
from lowland.certification.real_network import RealNetwork, Rounding
from lowland.certification.smt.exact_network import ExactNetwork
from lowland.certification.smt.rationals import fractions
from lowland.quantization.graph.step import INPUTS


@dataclass(frozen=True, eq=False)
class Disturbances:
    """Some members of the box around one row, as shares of its radii from -1 to 1.

    Attributes:
        inputs: [members, ...]: -1 is the lower end of the input box, 1 the upper one.
        parameters: By name [members, ...]: shares of the radii.
        roundings: By operation [members, ...]: shares of half a step.
    """

    inputs: Tensor
    parameters: dict[str, Tensor]
    roundings: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, members: Tensor | slice) -> Disturbances:
        return Disturbances(
            self.inputs[members],
            {name: tensor[members] for name, tensor in self.parameters.items()},
            {name: tensor[members] for name, tensor in self.roundings.items()},
        )

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, in a fixed order."""
        return [self.inputs, *self.parameters.values(), *self.roundings.values()]

    def with_tensors(self, tensors: list[Tensor]) -> Disturbances:
        """Others in the order of ``tensors``."""
        inputs, *others = tensors
        count = len(self.parameters)
        return Disturbances(
            inputs,
            dict(zip(self.parameters, others[:count], strict=True)),
            dict(zip(self.roundings, others[count:], strict=True)),
        )


def undisturbed(query: Query, members: int = 1) -> Disturbances:
    """No movement at all, of the middle of the input box.

    Args:
        query: Whose box.
        members: How many times.
    """
    network = query.network
    return Disturbances(
        torch.zeros(members, *query.inputs.lower.shape[1:], dtype=torch.float64),
        {name: torch.zeros(members, *radius.shape, dtype=torch.float64) for name, radius in query.box.radii.items()},
        {
            operation.name: torch.zeros(members, *operation.shape, dtype=torch.float64)
            for operation in network.operations.values()
            if operation.kind == "rounding"
        },
    )


def disturbed_inputs(query: Query, row: int | slice, disturbances: Disturbances) -> Tensor:
    """The inputs of the members [members, ...].

    Args:
        query: Whose input boxes.
        row: Which of them; a slice takes one row for each member.
        disturbances: The members.
    """
    lower, upper = query.inputs.lower[row], query.inputs.upper[row]
    inputs = lower + (disturbances.inputs + 1) / 2 * (upper - lower)
    return torch.minimum(torch.maximum(inputs, lower), upper)


def disturbed_outputs(query: Query, row: int | slice, disturbances: Disturbances) -> Tensor:
    """What the network computes with each member [members, outputs].

    Args:
        query: Whose network and boxes.
        row: Which of its rows; a slice takes one row for each member.
        disturbances: The members.
    """
    network = query.network
    values = network.parameters

    def of_one(inputs: Tensor, parameters: dict[str, Tensor], roundings: dict[str, Tensor]) -> Tensor:
        results = {INPUTS: inputs[None]}
        for operation in network.operations.values():
            operands = tuple(results[name] for name in operation.inputs)
            moved = {
                name: values[full] + parameters[full] * query.box.radii[full]
                for name in operation.parameters
                if (full := f"{operation.owner or operation.name}.{name}") in parameters
            }
            result = functional_call(operation.layer, moved, operands) if moved else operation.layer(*operands)
            if isinstance(operation.layer, Rounding):
                result = result + roundings[operation.name] * operation.layer.half_step
            results[operation.name] = result
        outputs: Tensor = results[network.output.name][0]
        return outputs

    inputs = disturbed_inputs(query, row, disturbances)
    outputs: Tensor = torch.vmap(of_one)(inputs, disturbances.parameters, disturbances.roundings)
    return outputs


def exact_outputs(query: Query, row: int, member: Disturbances) -> list[Fraction]:
    """What the network computes with one member in rational numbers: where float64 might show what is not there.

    Args:
        query: Whose network and boxes.
        row: Which of its rows.
        member: One of the box.

    Raises:
        LowlandError: Smooth activations.
    """
    real = query.network
    lower, upper = fractions(query.inputs.lower[row]), fractions(query.inputs.upper[row])
    shares = fractions(member.inputs)
    inputs = [low + (share + 1) / 2 * (high - low) for low, high, share in zip(lower, upper, shares, strict=True)]
    parameters = {}
    for name, radius in query.box.radii.items():
        moved = zip(
            fractions(real.parameters[name]),
            fractions(member.parameters[real.tied.get(name, name)]),
            fractions(radius),
            strict=True,
        )
        parameters[name] = [value + share * reach for value, share, reach in moved]
    network = ExactNetwork(real, query.inputs.lower.shape[1:])
    moves = {
        name: [share * network.operations[name].half_step for share in fractions(tensor)]
        for name, tensor in member.roundings.items()
    }
    return network.values(inputs, parameters, moves)[real.output.name]


def without_roundings(network: RealNetwork) -> RealNetwork:
    """The float network itself, without quantizers of activations.

    Args:
        network: Stays as it is.
    """
    if not any(operation.kind == "rounding" for operation in network.operations.values()):
        return network
    source = {INPUTS: INPUTS}
    kept = {}
    for operation in network.operations.values():
        inputs = tuple(source[name] for name in operation.inputs)
        if operation.kind == "rounding":
            source[operation.name] = inputs[0]
        else:
            source[operation.name] = operation.name
            kept[operation.name] = replace(operation, inputs=inputs)
    return RealNetwork(kept)
