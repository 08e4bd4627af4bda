"""A question as SMT-LIB 2: exact in linear arithmetic, or with every change of a weight as a variable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lowland.certification.smt.expressions import Assertions, Variable
from lowland.certification.smt.goals import Region
from lowland.certification.smt.layers import Encoded, interval_rows, products_of_variables, tell_operation
from lowland.certification.smt.questions import Question
from lowland.errors import LowlandError
from lowland.quantization.graph.step import INPUTS

Encoding = Literal["linear", "polynomial"]
FLOAT = "float."
"""What names of the float network's numbers begin with, where inputs move."""


@dataclass(frozen=True, slots=True)
class Script:
    """SMT-LIB 2 text whose ``sat`` is a counterexample and whose ``unsat`` is a proof.

    Attributes:
        text: With ``check-sat`` and the values of a counterexample.
        asked: Names of the variables whose values a counterexample is made from.
        exact: Whether every model of the text is a counterexample (but for the cells of a global question); otherwise
            weights that act twice are freed from themselves, and only ``unsat`` says something.
    """

    text: str
    asked: tuple[str, ...]
    exact: bool


def smt_text(question: Question, encoding: Encoding = "linear") -> Script:
    """The question as text for SMT solvers, all numbers exact.

    ``linear`` (QF_LRA): a neuron's weights in their box are one interval around its float value, whose radius is the
    sum of radius times input; inputs that are never negative need no case split. ``polynomial`` (QF_NRA): every weight
    has a variable for its change, which its input multiplies, as in arXiv 1903.10672; the sigmoid of that study is in
    the thresholds.

    Args:
        question: Local or global.
        encoding: Which of the two.

    Raises:
        LowlandError: Another encoding.
    """
    if encoding not in _WEIGHTED:
        raise LowlandError(f"encoding is {encoding!r}; expected {' or '.join(map(repr, _WEIGHTED))}")
    script = Assertions()
    inputs = [
        low if low == high else script.bounded(f"{INPUTS}.{place}", low, high)
        for place, (low, high) in enumerate(question.inputs)
    ]
    asked = [value.name for value in inputs if isinstance(value, Variable)]
    weighted = _WEIGHTED[encoding]
    known = question.network.intervals(question.inputs, question.radii) if encoding == "linear" else None
    encoded = Encoded(question.network, script, {INPUTS: inputs}, question.radii, known)
    for name in question.network.operations:
        tell_operation(encoded, name, weighted)
    margin = script.difference(encoded.values[question.output], question.signs)
    reference = None
    if question.goal.compares and not question.query.inputs.is_fixed:
        known = question.network.intervals(question.inputs, {}, quantized=False) if encoding == "linear" else None
        as_it_is = Encoded(question.network, script, {INPUTS: inputs}, {}, known, prefix=FLOAT, quantized=False)
        for name in question.network.operations:
            tell_operation(as_it_is, name, weighted)
        reference = script.difference(as_it_is.values[question.output], question.signs)
    regions = question.goal.regions(question.reference)
    script.say(script.any_of([_region(script, region, margin, reference) for region in regions]))
    logic = "QF_NRA" if encoding == "polynomial" else "QF_LRA"
    asked += encoded.asked
    return Script(script.text(logic, asked), tuple(asked), encoded.exact)


def _region(script: Assertions, region: Region, margin: str, reference: str | None) -> str:
    ends: list[str] = []
    if reference is not None and region.at_least is not None:
        ends.append(script.compare(">=", reference, region.at_least))
    if reference is not None and region.at_most is not None:
        ends.append(script.compare("<=", reference, region.at_most))
    if region.above is not None:
        ends.append(script.compare(">", margin, region.above))
    if region.below is not None:
        ends.append(script.compare("<=" if region.closed else "<", margin, region.below))
    return script.all_of(ends)


_WEIGHTED: dict[str, Callable[[Encoded, str], None]] = {
    "linear": interval_rows,
    "polynomial": products_of_variables,
}
"""How weights and biases in their box are told, by encoding."""
