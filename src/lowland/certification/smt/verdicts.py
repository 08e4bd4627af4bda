"""What a solver's answer is worth: a proof, a counterexample that holds, or neither."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

from lowland.certification.smt.goals import Deviation
from lowland.certification.smt.questions import Question
from lowland.certification.smt.solvers import Solver
from lowland.certification.smt.text import Encoding, smt_text
from lowland.certification.smt.witnesses import Witness, witness_of

_FINER = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a question.

    Attributes:
        status: ``proved``: no inputs and weights of the boxes do it, in real arithmetic. ``refuted``: the witness does.
            ``timeout``: there was no answer in time. ``unknown``: the solver gave up, or what it found does not hold.
        witness: The counterexample; of ``unknown`` the closest that was found.
        seconds: The solver's time.
        solver: Its name.
    """

    status: Literal["proved", "refuted", "timeout", "unknown"]
    witness: Witness | None
    seconds: float
    solver: str


def decide(
    question: Question,
    solver: Solver,
    *,
    encoding: Encoding = "linear",
    timeout: float | None = None,
    most_cells: int = 512,
) -> Verdict:
    """The answer of a solver to a question, as far as it holds.

    A model is a counterexample only when its inputs and weights, computed again in rational arithmetic, are one; so a
    delta-sat is none before that. Where a model comes from the width of a global question's cells, they get finer.

    Args:
        question: Local or global.
        solver: Of ``solver_of``.
        encoding: ``linear`` or ``polynomial``; see ``smt_text``.
        timeout: Seconds; ``None``: as long as it takes.
        most_cells: How fine the cells of a global question get.
    """
    seconds, closest = 0.0, None
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        script = smt_text(question, encoding)
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return Verdict("timeout", closest, seconds, solver.name)
        answer = solver.answer(script.text, left)
        seconds += answer.seconds
        if answer.result == "unsat":
            return Verdict("proved", None, seconds, solver.name)
        if answer.result in ("timeout", "unknown"):
            return Verdict(answer.result, closest, seconds, solver.name)
        closest = witness_of(question, answer.values)
        if closest.reaches(question):
            return Verdict("refuted", closest, seconds, solver.name)
        goal = question.goal
        if not isinstance(goal, Deviation) or question.query.inputs.is_fixed or goal.cells >= most_cells:
            return Verdict("unknown", closest, seconds, solver.name)
        question = replace(question, goal=replace(goal, cells=min(goal.cells * _FINER, most_cells)))
