"""One operation of a network as assertions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from lowland.certification.smt.exact_network import ExactNetwork, ExactOperation, Interval, Values
from lowland.certification.smt.expressions import Assertions, Value, Variable, scaled, total
from lowland.certification.smt.pieces import Pieces, meeting
from lowland.certification.smt.rationals import literal


@dataclass(eq=False)
class Encoded:
    """A network whose first operations are told.

    Attributes:
        network: In rational arithmetic.
        script: Where it is told.
        values: What each result is called, or its number, by operation.
        radii: Of weights and biases; empty for the network as it is.
        known: Sound bounds on all results, which spare case splits; ``None``: they are not used.
        prefix: What all names begin with.
        quantized: Whether activations are; otherwise it is the float network.
        asked: Variables that a counterexample is made from.
        exact: Whether all of it can happen in the network.
        changes: Of the elements of parameters, where they are variables.
    """

    network: ExactNetwork
    script: Assertions
    values: dict[str, list[Value]]
    radii: Values
    known: dict[str, list[Interval]] | None
    prefix: str = ""
    quantized: bool = True
    asked: list[str] = field(default_factory=list)
    exact: bool = True
    changes: dict[str, list[Value]] = field(default_factory=dict)
    _sizes: dict[str, Variable] = field(default_factory=dict)

    def define(self, name: str, expressions: list[str]) -> None:
        """New variables for all results of an operation."""
        self.values[name] = [
            self.script.equal(f"{self.prefix}{name}.{place}", text) for place, text in enumerate(expressions)
        ]

    def operands(self, name: str) -> list[list[Value]]:
        """The values that an operation takes."""
        return [self.values[source] for source in self.network.operations[name].operation.inputs]

    def bounds(self, source: str, place: int) -> tuple[Fraction | None, Fraction | None]:
        """What is known of a result."""
        value = self.values[source][place]
        if isinstance(value, Fraction):
            return value, value
        return (None, None) if self.known is None else self.known[source][place]

    def size(self, source: str, place: int) -> tuple[Fraction, Value]:
        """The absolute value of a result, as a factor and a value: with a case split only where its sign is open."""
        value = self.values[source][place]
        low, high = self.bounds(source, place)
        if isinstance(value, Fraction) or (low is not None and low >= 0):
            return Fraction(1), abs(value) if isinstance(value, Fraction) else value
        if high is not None and high <= 0:
            return Fraction(-1), value
        name = f"{self.prefix}{source}.{place}.size"
        if name not in self._sizes:
            split = f"(ite (>= {value.name} 0.0) {value.name} (- {value.name}))"
            self._sizes[name] = self.script.equal(name, split)
        return Fraction(1), self._sizes[name]


def tell_operation(encoded: Encoded, name: str, weighted: Callable[[Encoded, str], None]) -> None:
    """Assert what one operation computes.

    Args:
        encoded: With all operations before it.
        name: Of the operation.
        weighted: What tells weights and biases in their box.
    """
    exact = encoded.network.operations[name]
    if exact.products:
        weighted(encoded, name)
    elif exact.sums:
        operands = encoded.operands(name)
        encoded.define(
            name,
            [total([constant, *(scaled(by, operands[k][i]) for k, i, by in terms)]) for terms, constant in exact.sums],
        )
    elif exact.windows:
        _maximum(encoded, name, exact)
    else:
        _pieces(encoded, name, exact)


def interval_rows(encoded: Encoded, name: str) -> None:
    """A weighted operation as two rows a result: its float value, give or take the sum of radius times |input|.

    Exact where every weight acts once. Weights that act several times on fixed inputs stay variables.

    Args:
        encoded: With all operations before it.
        name: Of the operation.
    """
    exact = encoded.network.operations[name]
    weights, biases = (encoded.network.parameters.get(f"{name}.{of}", []) for of in ("weight", "bias"))
    radii, bias_radii = (encoded.radii.get(f"{name}.{of}") for of in ("weight", "bias"))
    (source,) = exact.operation.inputs
    operand = encoded.values[source]
    if radii is None and bias_radii is None:
        _weighted(encoded, name, exact)
        return
    if not exact.operation.acts_once:
        if all(isinstance(value, Fraction) for value in operand):
            products_of_variables(encoded, name)
            return
        encoded.exact = False
    radii = radii or [Fraction(0)] * len(weights)
    bias_radii = bias_radii or [Fraction(0)] * len(biases)
    results: list[Value] = []
    for place, (products, bias) in enumerate(zip(exact.products, exact.biases, strict=True)):
        result = encoded.script.variable(f"{encoded.prefix}{name}.{place}")
        middle = Fraction(0) if bias is None else biases[bias]
        around = Fraction(0) if bias is None else bias_radii[bias]
        sizes = [(radii[weight], *encoded.size(source, i)) for weight, i in products if radii[weight]]
        for side, relation in ((-1, ">="), (1, "<=")):
            factors: dict[Value, Fraction] = {}
            constant = middle + side * around
            for weight, i in products:
                factors[operand[i]] = factors.get(operand[i], Fraction(0)) + weights[weight]
            for radius, sign, value in sizes:
                factors[value] = factors.get(value, Fraction(0)) + side * radius * sign
            row = total([constant, *(scaled(by, value) for value, by in factors.items())])
            encoded.script.say(f"({relation} {result.name} {row})")
        results.append(result)
        encoded.asked.append(result.name)
    encoded.values[name] = results


def products_of_variables(encoded: Encoded, name: str) -> None:
    """A weighted operation with a variable for the change of every weight and bias.

    Args:
        encoded: With all operations before it.
        name: Of the operation.
    """
    exact = encoded.network.operations[name]
    moves = {of: _changes(encoded, f"{exact.operation.owner or name}.{of}") for of in ("weight", "bias")}
    _weighted(encoded, name, exact, moves)


def _changes(encoded: Encoded, parameter: str) -> list[Value]:
    """The change of every element of a parameter, told once however often its layer is called."""
    if parameter not in encoded.changes:
        changes: list[Value] = []
        for place, radius in enumerate(encoded.radii.get(parameter, ())):
            if radius:
                change = encoded.script.bounded(f"{parameter}.{place}", -radius, radius)
                encoded.asked.append(change.name)
                changes.append(change)
            else:
                changes.append(Fraction(0))
        encoded.changes[parameter] = changes
    return encoded.changes[parameter]


def _weighted(
    encoded: Encoded, name: str, exact: ExactOperation, changes: dict[str, list[Value]] | None = None
) -> None:
    weights, biases = (encoded.network.parameters.get(f"{name}.{of}", []) for of in ("weight", "bias"))
    (operand,) = encoded.operands(name)
    moves = (changes or {}).get("weight") or [Fraction(0)] * len(weights)
    shifts = (changes or {}).get("bias") or [Fraction(0)] * len(biases)
    rows = []
    for products, bias in zip(exact.products, exact.biases, strict=True):
        terms: list[Fraction | str] = [] if bias is None else [biases[bias], scaled(Fraction(1), shifts[bias])]
        for weight, place in products:
            value, move = operand[place], moves[weight]
            if isinstance(move, Fraction):
                terms.append(scaled(weights[weight], value))
            elif isinstance(value, Fraction):
                terms += [weights[weight] * value, scaled(value, move)]
            else:
                terms.append(f"(* (+ {literal(weights[weight])} {move.name}) {value.name})")
        rows.append(total(terms))
    encoded.define(name, rows)


def _maximum(encoded: Encoded, name: str, exact: ExactOperation) -> None:
    """The result is no smaller than any number of its window and equals one of them."""
    (operand,) = encoded.operands(name)
    results: list[Value] = []
    for place, window in enumerate(exact.windows):
        result = encoded.script.variable(f"{encoded.prefix}{name}.{place}")
        texts = [total([scaled(Fraction(1), operand[i])]) for i in window]
        for text in texts:
            encoded.script.say(f"(>= {result.name} {text})")
        encoded.script.say(encoded.script.any_of([f"(<= {result.name} {text})" for text in texts]))
        results.append(result)
    encoded.values[name] = results


def _pieces(encoded: Encoded, name: str, exact: ExactOperation) -> None:
    """An activation; of a quantizer its clamp and a movement."""
    (source,) = exact.operation.inputs
    moves = exact.half_step
    if moves and not encoded.quantized:
        encoded.values[name] = encoded.values[source]
        return
    results: list[Value] = []
    for place, value in enumerate(encoded.values[source]):
        low, high = encoded.bounds(source, place)
        pieces = meeting(exact.pieces, low, high)
        full = f"{encoded.prefix}{name}.{place}"
        text = _piecewise(pieces, value)
        if moves:
            move = encoded.script.bounded(f"{full}.move", -moves, moves)
            encoded.asked.append(move.name)
            text = f"(+ {text} {move.name})"
        result = encoded.script.equal(full, text)
        results.append(result)
        if not moves and low is not None and high is not None and low < high and len(pieces) == 2:
            _hull(encoded.script, pieces, (low, high), value, result)
    encoded.values[name] = results


def _hull(script: Assertions, pieces: Pieces, ends: Interval, value: Value, result: Variable) -> None:
    """What follows from a bend and the bounds of its input, as linear rows: solvers then split less."""
    low, high = (Fraction(floor(ends[0] * _GRID), _GRID), Fraction(ceil(ends[1] * _GRID), _GRID))
    first, last = pieces
    convex = last.slope > first.slope
    for piece in pieces:
        row = total([piece.offset, scaled(piece.slope, value)])
        script.say(f"({'>=' if convex else '<='} {result.name} {row})")
    slope = (last.value(high) - first.value(low)) / (high - low)
    chord = total([first.value(low) - slope * low, scaled(slope, value)])
    script.say(f"({'<=' if convex else '>='} {result.name} {chord})")


_GRID = 2**16  # bounds are rounded outward to these: short numbers


def _piecewise(pieces: Pieces, value: Value) -> str:
    first, *others = pieces
    text = total([first.offset, scaled(first.slope, value)])
    if not others:
        return text
    name = total([scaled(Fraction(1), value)])
    return f"(ite (<= {name} {literal(first.end or 0)}) {text} {_piecewise(tuple(others), value)})"
