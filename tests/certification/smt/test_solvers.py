"""Solvers are programs: found, ended in time, and what is missing is said in one line."""

import sys
import time

import pytest

from lowland.certification.smt import Solver, solver_of, solvers
from lowland.errors import LowlandError
from tests.certification.smt.nets import needs_z3

SAT = """(set-option :produce-models true)
(set-logic QF_LRA)
(declare-fun n.0.0 () Real)
(assert (> n.0.0 1.0))
(check-sat)
(get-value (n.0.0))
(exit)
"""
HARD = """(set-logic QF_NIA)
(declare-fun a () Int) (declare-fun b () Int) (declare-fun c () Int)
(assert (and (> a 1) (> b 1) (> c 1) (= (+ (* a a a) (* b b b)) (* c c c))))
(check-sat)
"""


def test_z3_answers_with_numbers():
    needs_z3()
    answer = solver_of("z3").answer(SAT, 60)
    assert answer.result == "sat"
    assert answer.values["n.0.0"] > 1
    assert solver_of().answer(SAT.replace("(check-sat)", "(assert (< n.0.0 0.0))\n(check-sat)"), 60).result == "unsat"


@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_the_python_module_answers_where_there_is_no_program(name, monkeypatch):
    pytest.importorskip(name)
    monkeypatch.setattr(solvers.shutil, "which", lambda *args, **kwargs: None)
    solver = solver_of(name)
    assert solver.command[0] == sys.executable
    assert solver.answer(SAT, 60).values["n.0.0"] > 1


def test_what_takes_too_long_is_ended():
    needs_z3()
    started = time.monotonic()
    assert solver_of("z3").answer(HARD, 0.5).result == "timeout"
    assert time.monotonic() - started < 5


def test_a_command_gets_the_file_as_its_last_word(tmp_path):
    script = tmp_path / "solver.py"
    script.write_text("import sys; assert 'QF_LRA' in open(sys.argv[2]).read(); print('delta-sat with delta = 0.1')")
    solver = solver_of(f"{sys.executable} {script} --precision=0.1")
    assert solver.answer(SAT).result == "delta-sat"


@pytest.mark.parametrize(
    "name, message",
    [
        ("dreal", r"solver is dreal, which is not installed; put the program dreal on the path"),
        (
            "cvc4x",
            r"solver is cvc4x, which is not installed; expected z3, cvc5, dreal or a command .* did you mean cvc5\?",
        ),
        (" ", "solver is empty"),
    ],
)
def test_a_missing_solver_is_one_line(name, message, monkeypatch):
    monkeypatch.setattr(solvers.shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(LowlandError, match=message) as raised:
        solver_of(name)
    assert "\n" not in str(raised.value)


def test_without_z3_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(solvers.shutil, "which", lambda *args, **kwargs: None)
    monkeypatch.setattr(solvers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LowlandError, match=r"pip install 'lowland\[certification\]'"):
        solver_of("z3")


def test_a_program_that_fails_is_told():
    with pytest.raises(LowlandError, match="false says 'nothing'; expected sat, unsat or unknown"):
        solver_of("false").answer(SAT)
    with pytest.raises(LowlandError, match="does not start"):
        Solver("nowhere", ("/nowhere/solver",)).answer(SAT)
