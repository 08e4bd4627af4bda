"""A network in rational arithmetic: which number is multiplied by which weight, its values, and intervals of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.real_network import Operation, RealNetwork
from lowland.certification.smt.pieces import Pieces, pieces_of, range_of, value_of
from lowland.certification.smt.rationals import fractions
from lowland.certification.windows import window_places
from lowland.quantization.graph.step import INPUTS

Interval = tuple[Fraction, Fraction]
Values = Mapping[str, Sequence[Fraction]]
"""Flattened numbers of one row by name of the operation, or of weights by name of the parameter."""


@dataclass(frozen=True, slots=True)
class ExactOperation:
    """One operation as sums, pieces or largest numbers of places in its operands.

    Attributes:
        operation: What it is of.
        products: Of a weighted operation, for every result: places of (weight, operand) that are multiplied.
        biases: Of a weighted operation, for every result: the place of its bias, or ``None``.
        sums: Of a linear operation, for every result: (operand, place in it, factor), and a constant.
        windows: Of a maximum, for every result: places in the operand.
        pieces: Of an activation, or of a quantizer's clamp.
    """

    operation: Operation
    products: tuple[tuple[tuple[int, int], ...], ...] = ()
    biases: tuple[int | None, ...] = ()
    sums: tuple[tuple[tuple[tuple[int, int, Fraction], ...], Fraction], ...] = ()
    windows: tuple[tuple[int, ...], ...] = ()
    pieces: Pieces = ()

    @property
    def half_step(self) -> Fraction:
        """How far a quantizer moves what it clamped; 0 for all others."""
        return Fraction(getattr(self.operation.layer, "half_step", 0))


class ExactNetwork:
    """The operations of a network for one row, flattened, in fractions.

    Args:
        network: Whose float64 numbers are taken as they are.
        shape: Of one row of its inputs.

    Raises:
        LowlandError: Smooth activations.
    """

    def __init__(self, network: RealNetwork, shape: Sequence[int]) -> None:
        shapes = {INPUTS: tuple(shape)} | {name: operation.shape for name, operation in network.operations.items()}
        self.network = network
        self.sizes = {name: torch.Size(of).numel() for name, of in shapes.items()}
        self.operations = {
            name: _RULES[operation.kind](operation, [shapes[source] for source in operation.inputs])
            for name, operation in network.operations.items()
        }
        self.parameters = {name: fractions(tensor) for name, tensor in network.parameters.items()}

    def values(self, inputs: Sequence[Fraction], parameters: Values, moves: Values | None) -> dict[str, list[Fraction]]:
        """Every result of every operation.

        Args:
            inputs: Of one row.
            parameters: Other weights and biases by name; the network's own where they are missing.
            moves: How far each quantizer moves what it clamped, by operation; not at all where it is missing. ``None``:
                without quantizers, the float network.
        """
        results = {INPUTS: list(inputs)}
        for name in self.operations:
            results[name] = self.results(name, results, parameters, moves)
        return results

    def results(self, name: str, values: Values, parameters: Values, moves: Values | None) -> list[Fraction]:
        """The results of one operation.

        Args:
            name: Of the operation.
            values: Of the operations before.
            parameters: See ``values``.
            moves: See ``values``.
        """
        exact = self.operations[name]
        operands = [values[source] for source in exact.operation.inputs]
        first = operands[0]
        if exact.products:
            weights = self._parameter(f"{name}.weight", parameters)
            biases = self._parameter(f"{name}.bias", parameters)
            return [
                sum((weights[weight] * first[place] for weight, place in products), Fraction(0))
                + (0 if bias is None else biases[bias])
                for products, bias in zip(exact.products, exact.biases, strict=True)
            ]
        if exact.sums:
            return [sum((by * operands[k][i] for k, i, by in terms), constant) for terms, constant in exact.sums]
        if exact.windows:
            return [max(first[place] for place in window) for window in exact.windows]
        if exact.half_step and moves is None:
            return list(first)
        moved = (moves or {}).get(name, [Fraction(0)] * len(first))
        return [value_of(exact.pieces, value) + move for value, move in zip(first, moved, strict=True)]

    def intervals(
        self, inputs: Sequence[Interval], radii: Values, *, quantized: bool = True
    ) -> dict[str, list[Interval]]:
        """Sound bounds on every result while inputs and weights move within their boxes.

        Args:
            inputs: Ends of the box around each input of one row.
            radii: Of weights and biases by name; 0 where they are missing.
            quantized: Whether activations are; otherwise it is the float network.
        """
        results = {INPUTS: list(inputs)}
        for name, exact in self.operations.items():
            operands = [results[source] for source in exact.operation.inputs]
            if exact.products:
                weights = self._boxes(f"{name}.weight", radii)
                biases = self._boxes(f"{name}.bias", radii)
                results[name] = [
                    _total(
                        [_product(weights[weight], operands[0][place]) for weight, place in products]
                        + ([] if bias is None else [biases[bias]])
                    )
                    for products, bias in zip(exact.products, exact.biases, strict=True)
                ]
            elif exact.sums:
                results[name] = [
                    _total([(constant, constant), *(_product((by, by), operands[k][i]) for k, i, by in terms)])
                    for terms, constant in exact.sums
                ]
            elif exact.windows:
                results[name] = [
                    (max(operands[0][i][0] for i in window), max(operands[0][i][1] for i in window))
                    for window in exact.windows
                ]
            else:
                half = exact.half_step
                if half and not quantized:
                    results[name] = operands[0]
                    continue
                ranges = [range_of(exact.pieces, *ends) for ends in operands[0]]
                results[name] = [(low - half, high + half) for low, high in ranges]
        return results

    def _parameter(self, name: str, changed: Values) -> Sequence[Fraction]:
        return changed.get(name, self.parameters.get(name, ()))

    def _boxes(self, name: str, radii: Values) -> list[Interval]:
        values = self.parameters.get(name, [])
        around = radii.get(name, [Fraction(0)] * len(values))
        return [(value - radius, value + radius) for value, radius in zip(values, around, strict=True)]


def _product(one: Interval, other: Interval) -> Interval:
    ends = [left * right for left in one for right in other]
    return min(ends), max(ends)


def _total(terms: Sequence[Interval]) -> Interval:
    return sum((low for low, _ in terms), Fraction(0)), sum((high for _, high in terms), Fraction(0))


def _units(shape: Sequence[int]) -> Tensor:
    """Rows that are 1 in one place each [places, ...]."""
    size = torch.Size(shape).numel()
    return torch.eye(size, dtype=torch.float64).reshape(size, *shape)


def _weighted(operation: Operation, shapes: Sequence[Sequence[int]]) -> ExactOperation:
    """Found by trying: with weights 1, 2, 3, ... a row that is 1 in one place shows which weights it meets."""
    (shape,) = shapes
    parameters = operation.parameters
    numbered = {
        name: torch.arange(1, tensor.numel() + 1, dtype=torch.float64).reshape(tensor.shape)
        for name, tensor in parameters.items()
    }
    silent = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    units = _units(shape)

    def tried(weights: Tensor, rows: Tensor, biases: Mapping[str, Tensor] = silent) -> Tensor:
        changed = {**biases, "weight": weights}
        result: Tensor = functional_call(operation.layer, changed, (rows,))
        return result.reshape(len(rows), -1).round().long()

    met = tried(numbered["weight"], units).T.tolist()  # [results, places]: number of the weight, or 0
    biases = tried(silent["weight"], units[:1], numbered)[0].tolist() if "bias" in parameters else [0] * len(met)
    products = tuple(tuple((weight - 1, place) for place, weight in enumerate(row) if weight) for row in met)
    return ExactOperation(operation, products=products, biases=tuple(bias - 1 if bias else None for bias in biases))


def _linear(operation: Operation, shapes: Sequence[Sequence[int]]) -> ExactOperation:
    """Found by trying rows that are 1 in one place of one operand."""
    zeros = [torch.zeros(1, *shape, dtype=torch.float64) for shape in shapes]
    constant = operation.layer(*zeros).reshape(1, -1)
    terms: list[list[tuple[int, int, Fraction]]] = [[] for _ in range(constant.numel())]
    for operand, shape in enumerate(shapes):
        units = _units(shape)
        rows = [zero.expand(len(units), *zero.shape[1:]) for zero in zeros]
        rows[operand] = units
        factors = operation.layer(*rows).reshape(len(units), -1) - constant
        for place, result in factors.nonzero().tolist():
            terms[result].append((operand, place, Fraction(float(factors[place, result]))))
    constants = fractions(constant)
    return ExactOperation(operation, sums=tuple(zip((tuple(term) for term in terms), constants, strict=True)))


def _maximum(operation: Operation, shapes: Sequence[Sequence[int]]) -> ExactOperation:
    places = window_places(operation.layer, shapes[0])
    windows = tuple(tuple(place for place in window if place >= 0) for window in places.tolist())
    return ExactOperation(operation, windows=windows)


def _pieces(operation: Operation, shapes: Sequence[Sequence[int]]) -> ExactOperation:
    return ExactOperation(operation, pieces=pieces_of(operation))


_RULES: dict[str, Callable[[Operation, Sequence[Sequence[int]]], ExactOperation]] = {
    "weighted": _weighted,
    "linear": _linear,
    "maximum": _maximum,
    "activation": _pieces,
    "rounding": _pieces,
}
