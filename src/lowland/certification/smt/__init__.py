"""Questions about weight boxes as SMT-LIB 2 and VNN-LIB text, and what solvers answer."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.smt.bisection import SmtOptions, smt_deviation, smt_margin, solved
    from lowland.certification.smt.goals import Deviation, Margin
    from lowland.certification.smt.questions import Question, deviation_question, margin_question
    from lowland.certification.smt.solvers import Solver, solver_of
    from lowland.certification.smt.text import Script, smt_text
    from lowland.certification.smt.verdicts import Verdict, decide
    from lowland.certification.smt.vnnlib import write_vnnlib
    from lowland.certification.smt.witnesses import Witness
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Deviation",
    "Margin",
    "Question",
    "Script",
    "SmtOptions",
    "Solver",
    "Verdict",
    "Witness",
    "decide",
    "deviation_question",
    "margin_question",
    "smt_deviation",
    "smt_margin",
    "smt_text",
    "solved",
    "solver_of",
    "write_vnnlib",
]
