"""A counterexample from a solver's model, computed again: in rational numbers and in float32."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.real_network import Rounding
from lowland.certification.smt.exact_network import ExactOperation
from lowland.certification.smt.expressions import symbol
from lowland.certification.smt.questions import Question
from lowland.certification.smt.rationals import change_of_confidence, float_below
from lowland.quantization.graph.step import INPUTS

_ZERO = Fraction(0)


@dataclass(frozen=True, eq=False)
class Witness:
    """Inputs and weights of their boxes, and the margins that they give.

    Attributes:
        inputs: Of one row, flattened.
        parameters: Weights and biases that the box moves, flattened, by name.
        moves: How far each quantizer of activations moves what it clamped, by operation.
        margin: In rational arithmetic.
        reference: The float network's for the same inputs, likewise.
        margin_float32: The margin with everything rounded to float32, computed by the layers of torch.
        reference_float32: Likewise.
    """

    inputs: tuple[Fraction, ...]
    parameters: Mapping[str, tuple[Fraction, ...]] = field(repr=False)
    moves: Mapping[str, tuple[Fraction, ...]] = field(repr=False)
    margin: Fraction
    reference: Fraction
    margin_float32: float
    reference_float32: float

    @property
    def change(self) -> float:
        """How far the confidence certainly moves."""
        return float_below(change_of_confidence(self.reference, self.margin)[0])

    def reaches(self, question: Question) -> bool:
        """Whether it is a counterexample in rational arithmetic."""
        return question.goal.reached(self.margin, self.reference)

    def reaches_in_float32(self, question: Question) -> bool:
        """Whether float32 shows it, too."""
        return question.goal.reached(Fraction(self.margin_float32), Fraction(self.reference_float32))


def witness_of(question: Question, values: Mapping[str, Fraction]) -> Witness:
    """Inputs and weights from a model, moved into their boxes where a solver was not exact, and what they give.

    Args:
        question: Whose boxes they lie in.
        values: Of the variables that the script asked for; what is missing does not move.
    """
    network = question.network
    inputs = [
        min(max(values.get(symbol(f"{INPUTS}.{place}"), low), low), high)
        for place, (low, high) in enumerate(question.inputs)
    ]
    parameters: dict[str, tuple[Fraction, ...]] = {}
    moves: dict[str, tuple[Fraction, ...]] = {}
    results: dict[str, list[Fraction]] = {INPUTS: inputs}
    for name, exact in network.operations.items():
        if exact.products:
            operand = results[exact.operation.inputs[0]]
            owner = exact.operation.owner
            if owner:  # moves as for its first call
                tied = {f"{name}.{of}": parameters.get(f"{owner}.{of}") for of in exact.operation.parameters}
                parameters |= {full: moved for full, moved in tied.items() if moved is not None}
            else:
                parameters |= _weights(question, exact, operand, values)
        elif half := exact.half_step:
            count = network.sizes[name]
            moves[name] = tuple(
                _within(values.get(symbol(f"{name}.{place}.move"), _ZERO), half) for place in range(count)
            )
        results[name] = network.results(name, results, parameters, moves)
    margin = question.margin(results[question.output])
    reference = question.margin(question.float_outputs(inputs))
    return Witness(
        tuple(inputs),
        parameters,
        moves,
        margin,
        reference,
        _margin_float32(question, inputs, parameters, moves),
        _margin_float32(question, inputs, {}, None),
    )


def _weights(
    question: Question, exact: ExactOperation, operand: Sequence[Fraction], values: Mapping[str, Fraction]
) -> dict[str, tuple[Fraction, ...]]:
    """Weights and biases of an operation: from their own variables, or from the result that they are to give.

    A result that lies a share s of the way from its float value to the end of its interval is given by all weights
    moved by s times their radius, each in the direction of its input's sign. A weight with several results, where the
    script was not exact, takes their mean.
    """
    name, changed = exact.operation.name, {}
    original = {of: question.network.parameters.get(f"{name}.{of}", []) for of in ("weight", "bias")}
    radii = {of: question.radii.get(f"{name}.{of}", [_ZERO] * len(original[of])) for of in original}
    shares = _shares(question, exact, operand, values, original, radii)
    for of, numbers in original.items():
        if f"{name}.{of}" not in question.radii:
            continue
        changed[f"{name}.{of}"] = tuple(
            number + _within(values.get(symbol(f"{name}.{of}.{place}"), shares[of].get(place, _ZERO) * radius), radius)
            for place, (number, radius) in enumerate(zip(numbers, radii[of], strict=True))
        )
    return changed


def _shares(
    question: Question,
    exact: ExactOperation,
    operand: Sequence[Fraction],
    values: Mapping[str, Fraction],
    original: Mapping[str, Sequence[Fraction]],
    radii: Mapping[str, Sequence[Fraction]],
) -> dict[str, dict[int, Fraction]]:
    """Which share of its radius each weight and bias moves, where results are told and weights are not."""
    name = exact.operation.name
    shares: dict[str, dict[int, list[Fraction]]] = {"weight": {}, "bias": {}}
    unmoved = question.network.results(name, {exact.operation.inputs[0]: operand}, {}, {})
    for place, (products, bias) in enumerate(zip(exact.products, exact.biases, strict=True)):
        wanted = values.get(symbol(f"{name}.{place}"))
        if wanted is None:
            continue
        radius = sum((radii["weight"][weight] * abs(operand[i]) for weight, i in products), _ZERO)
        radius += _ZERO if bias is None else radii["bias"][bias]
        share = _within((wanted - unmoved[place]) / radius, Fraction(1)) if radius else _ZERO
        for weight, i in products:
            shares["weight"].setdefault(weight, []).append(share if operand[i] >= 0 else -share)
        if bias is not None:
            shares["bias"].setdefault(bias, []).append(share)
    return {of: {place: sum(found, _ZERO) / len(found) for place, found in by.items()} for of, by in shares.items()}


def _margin_float32(
    question: Question,
    inputs: Sequence[Fraction],
    parameters: Mapping[str, Sequence[Fraction]],
    moves: Mapping[str, Sequence[Fraction]] | None,
) -> float:
    """The margin of one row, every number of it in float32."""
    real = question.query.network
    shapes = {name: tensor.shape for name, tensor in real.parameters.items()}
    results = {INPUTS: _float32(inputs).reshape(question.query.inputs.lower.shape)}
    for name, operation in real.operations.items():
        if isinstance(operation.layer, Rounding) and moves is None:
            results[name] = results[operation.inputs[0]]
            continue
        layer = copy.deepcopy(operation.layer).float()
        changed = {
            of: _float32(parameters[full]).reshape(shapes[full])
            for of in operation.parameters
            if (full := f"{name}.{of}") in parameters
        }
        result = functional_call(layer, changed, tuple(results[source] for source in operation.inputs))
        if moves is not None and name in moves:
            result = result + _float32(moves[name]).reshape(result.shape)
        results[name] = result
    outputs = results[question.output].flatten()
    return float(torch.stack([sign * outputs[place] for place, sign in question.signs]).sum())


def _float32(values: Sequence[Fraction]) -> Tensor:
    return torch.tensor([float(value) for value in values], dtype=torch.float64).float()


def _within(value: Fraction, radius: Fraction) -> Fraction:
    return min(max(value, -radius), radius)
