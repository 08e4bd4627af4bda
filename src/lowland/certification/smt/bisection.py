"""Bounds by asking again with other thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from lowland.certification.bounds import Bounds, Status
from lowland.certification.exact import largest_of
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.smt.goals import Deviation, Margin
from lowland.certification.smt.questions import Question, deviation_question, margin_question
from lowland.certification.smt.rationals import change_of_confidence, float_above, float_below
from lowland.certification.smt.solvers import solver_of
from lowland.certification.smt.text import Encoding
from lowland.certification.smt.verdicts import decide
from lowland.certification.smt.witnesses import Witness, witness_of


@dataclass(frozen=True)
class SmtOptions(MethodOptions):
    """How bounds are found by an SMT solver.

    Attributes:
        solver: See ``solver_of``.
        encoding: See ``smt_text``.
    """

    solver: str = "z3"
    encoding: Encoding = "linear"


def solved(query: Query, options: MethodOptions) -> Bounds:
    """The largest deviation over all rows of a question.

    Args:
        query: Local or global, of a network with one output (a logit) or two.
        options: Time for all rows together and tolerance; ``SmtOptions`` to name solver and encoding.

    Raises:
        LowlandError: As ``deviation_question`` and ``solver_of`` do.
    """
    if not isinstance(options, SmtOptions):
        options = SmtOptions(timeout=options.timeout, tolerance=options.tolerance, started=options.started)
    return largest_of([smt_deviation(query, options, row=row) for row in range(len(query))], options.tolerance)


def smt_deviation(query: Query, options: SmtOptions, *, row: int = 0) -> Bounds:
    """How far the confidence of a row, or of any input in its box, can move.

    Args:
        query: The network, with one output (a logit) or two, how far its weights move, and inputs.
        options: Solver, time and tolerance.
        row: Which of the query's rows.

    Returns:
        ``lower`` is reached by a witness, ``upper`` is proved.

    Raises:
        LowlandError: As ``deviation_question`` and ``solver_of`` do.
    """
    asked = deviation_question(query, change=Fraction(1, 2), row=row)
    goal = asked.goal
    assert isinstance(goal, Deviation)
    (low, high), (least, most) = asked.margins, asked.reference
    highest = max(change_of_confidence(least, high)[1], change_of_confidence(most, low)[1])
    reached, proved, status = _between(
        lambda change: replace(asked, goal=replace(goal, change=change)),
        lambda witness: change_of_confidence(witness.reference, witness.margin)[0],
        (Fraction(0), min(highest, Fraction(1))),
        options,
    )
    return Bounds(float_below(reached), float_above(proved), status)


def smt_margin(query: Query, other: int, options: SmtOptions, *, row: int = 0, assigned: int | None = None) -> Bounds:
    """How low the margin of a row against a class can get.

    Args:
        query: The network, how far its weights move, and inputs.
        other: The other class.
        options: Solver, time and tolerance.
        row: Which of the query's rows.
        assigned: The class that the row has; ``None``: the float network's answer, where inputs are fixed.

    Returns:
        ``lower`` is proved, ``upper`` is reached by a witness.

    Raises:
        LowlandError: As ``margin_question`` and ``solver_of`` do.
    """
    asked = margin_question(query, other, row=row, assigned=assigned)
    middle = witness_of(asked, {})
    reached, proved, status = _between(
        lambda fall: replace(asked, goal=Margin(asked.goal.classes, -fall)),
        lambda witness: -witness.margin,
        (-middle.margin, -asked.margins[0]),
        options,
    )
    return Bounds(float_below(-proved), float_above(-reached), status)


def _between(
    question: Callable[[Fraction], Question],
    shown: Callable[[Witness], Fraction],
    ends: tuple[Fraction, Fraction],
    options: SmtOptions,
) -> tuple[Fraction, Fraction, Status]:
    """The largest number that a witness shows, and the smallest that is proved, as close as options ask.

    Args:
        question: Whether a number can be exceeded.
        shown: The number that a witness shows.
        ends: One that is reached, and one that cannot be exceeded.
        options: Solver, time and tolerance.
    """
    solver = solver_of(options.solver)
    tolerance = Fraction(options.tolerance)
    most_cells = math.ceil(5 / tolerance)  # what a cell hides and the last step are one tolerance together
    reached, proved = ends
    floor = reached  # below the floor nothing is asked any more
    while proved - floor > tolerance * 3 / 4:
        middle = (floor + proved) / 2
        verdict = decide(
            question(middle),
            solver,
            encoding=options.encoding,
            timeout=options.seconds_left,
            most_cells=most_cells,
        )
        if verdict.witness is not None:
            reached = max(reached, shown(verdict.witness))
        if verdict.status == "timeout":
            return reached, proved, "timeout"
        if verdict.status == "proved":
            proved = middle
        else:
            floor = max(middle, reached)
    return reached, proved, "exact" if proved - reached <= tolerance else "relaxed"
