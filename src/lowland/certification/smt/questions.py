"""A query about one row with a threshold: what solvers say yes or no to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from lowland.certification.query import Query
from lowland.certification.smt.exact_network import ExactNetwork, Interval, Values
from lowland.certification.smt.goals import Deviation, Goal, Margin
from lowland.certification.smt.rationals import fractions
from lowland.errors import LowlandError


@dataclass(frozen=True, eq=False)
class Question:
    """A query about one row and what is asked of its margin.

    Attributes:
        query: With one row, or one box of inputs.
        goal: What a counterexample shows.
        network: The query's network in rational arithmetic.
    """

    query: Query
    goal: Goal
    network: ExactNetwork = field(repr=False)

    @cached_property
    def inputs(self) -> list[Interval]:
        """The box around every input."""
        return list(zip(fractions(self.query.inputs.lower), fractions(self.query.inputs.upper), strict=True))

    @cached_property
    def radii(self) -> Values:
        """How far weights and biases move, by name."""
        return {name: fractions(tensor) for name, tensor in self.query.box.radii.items()}

    @cached_property
    def reference(self) -> Interval:
        """What the float network's margin lies between: one number where inputs are fixed."""
        if self.query.inputs.is_fixed:
            margin = self.margin(self.float_outputs([low for low, _ in self.inputs]))
            return margin, margin
        return self._margins(self.network.intervals(self.inputs, {}, quantized=False)[self.output])

    @cached_property
    def margins(self) -> Interval:
        """Sound bounds on the margin in the boxes, by intervals."""
        return self._margins(self.network.intervals(self.inputs, self.radii)[self.output])

    @property
    def output(self) -> str:
        """Name of the operation whose results are the outputs."""
        return self.query.network.output.name

    @property
    def signs(self) -> tuple[tuple[int, int], ...]:
        """The margin as outputs that are added or subtracted: (place, 1 or -1)."""
        return _signs(self.goal.classes, self.network.sizes[self.output])

    def margin(self, outputs: Sequence[Fraction]) -> Fraction:
        """The margin of outputs of one row."""
        return sum((sign * outputs[place] for place, sign in self.signs), Fraction(0))

    def _margins(self, outputs: Sequence[Interval]) -> Interval:
        ends = [outputs[place] if sign > 0 else (-outputs[place][1], -outputs[place][0]) for place, sign in self.signs]
        return sum((low for low, _ in ends), Fraction(0)), sum((high for _, high in ends), Fraction(0))

    def float_outputs(self, inputs: Sequence[Fraction]) -> list[Fraction]:
        """Outputs of the network as it is, without quantizers of activations."""
        return self.network.values(inputs, {}, None)[self.output]


def margin_question(
    query: Query, other: int, *, threshold: float | Fraction = 0, row: int = 0, assigned: int | None = None
) -> Question:
    """Can the margin of a row against a class get as low as a threshold?

    With the threshold 0 it is whether the answer can change: at equal logits the class of the lowest index is the
    answer, so that against a class of a higher index the margin has to be lower than 0.

    Args:
        query: The network, how far its weights move, and inputs.
        other: The other class. A single output is the logit of class 1 against class 0.
        threshold: Of the assigned class's logit less the other one's.
        row: Which of the query's rows.
        assigned: The class that the row has; ``None``: the float network's answer, where inputs are fixed.

    Raises:
        LowlandError: Classes that are not there or equal, or no assigned class for a box of inputs.
    """
    asked, network = _row(query, row)
    classes = _classes(asked, network, assigned)
    if not 0 <= other < classes[1] or other == classes[0]:
        raise LowlandError(
            f"other is {other}; expected one of the {classes[1]} classes but the assigned one, {classes[0]}"
        )
    limit = Fraction(threshold)
    goal = Margin((classes[0], other), limit, strict=limit == 0 and other > classes[0])
    return Question(asked, goal, network)


def deviation_question(query: Query, *, change: float | Fraction, row: int = 0, cells: int = 8) -> Question:
    """Can the confidence of a row, or of any input in its box, move by more than a number?

    Args:
        query: The network, with one output (a logit) or two, how far its weights move, and inputs.
        change: Above 0 and below 1; of the confidence of either class.
        row: Which of the query's rows.
        cells: See ``Deviation``; rows without extent need none.

    Raises:
        LowlandError: More than two classes, or a change that no confidence can have.
    """
    asked, network = _row(query, row)
    outputs = network.sizes[query.network.output.name]
    if outputs > 2:
        raise LowlandError(
            f"the network has {outputs} outputs; expected 1 or 2: of more classes ask for the margins, by pair"
        )
    if not 0 < change < 1:
        raise LowlandError(f"change is {change}; expected a number above 0 and below 1")
    return Question(asked, Deviation((1, 0), Fraction(change), cells), network)


def _row(query: Query, row: int) -> tuple[Query, ExactNetwork]:
    if not 0 <= row < len(query):
        raise LowlandError(f"row is {row}; expected one of the query's {len(query)}")
    return query[row : row + 1], ExactNetwork(query.network, query.inputs.lower.shape[1:])


def _classes(query: Query, network: ExactNetwork, assigned: int | None) -> tuple[int, int]:
    """The assigned class and how many there are."""
    outputs = network.sizes[query.network.output.name]
    count = max(outputs, 2)
    if assigned is None:
        if not query.inputs.is_fixed:
            raise LowlandError("assigned is missing; expected the class that all of the input box is to have")
        results = network.values(fractions(query.inputs.lower), {}, None)[query.network.output.name]
        logits = [Fraction(0), *results] if outputs == 1 else results
        assigned = logits.index(max(logits))
    if not 0 <= assigned < count:
        raise LowlandError(f"assigned is {assigned}; expected one of the {count} classes")
    return assigned, count


def _signs(classes: tuple[int, int], outputs: int) -> tuple[tuple[int, int], ...]:
    if outputs == 1:
        return ((0, 1 if classes[0] == 1 else -1),)
    return (classes[0], 1), (classes[1], -1)
