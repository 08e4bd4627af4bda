"""Programs that answer SMT-LIB 2 text, each in a process of its own that is ended when its time is over."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from lowland.certification.smt.answers import told, values_in
from lowland.errors import LowlandError, did_you_mean

Result = Literal["sat", "delta-sat", "unsat", "unknown", "timeout"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver says of a script.

    Attributes:
        result: ``delta-sat``: the script with its numbers changed a little has a model.
        values: Of the variables that were asked for, where there is a model.
        seconds: That it took.
    """

    result: Result
    values: Mapping[str, Fraction] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Solver:
    """A program that takes a file of SMT-LIB 2 as its last argument.

    Attributes:
        name: In messages and verdicts.
        command: Its words, to which the file is added.
    """

    name: str
    command: tuple[str, ...]

    def answer(self, text: str, timeout: float | None = None) -> Answer:
        """What it says of a script.

        Args:
            text: SMT-LIB 2.
            timeout: Seconds; ``None``: as long as it takes.

        Raises:
            LowlandError: The program does not start, or ends without an answer.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "question.smt2"
            path.write_text(text, encoding="ascii")
            started = time.perf_counter()
            output = self._output(path, timeout)
            seconds = time.perf_counter() - started
        if output is None:
            return Answer("timeout", seconds=seconds)
        result = told(output)
        if result is None:
            line = next(iter(output.strip().splitlines()), "nothing")
            raise LowlandError(f"{self.name} says {line[:200]!r}; expected sat, unsat or unknown")
        return Answer(result, values_in(output) if result in ("sat", "delta-sat") else {}, seconds)

    def _output(self, path: Path, timeout: float | None) -> str | None:
        """All that it prints; ``None``: it took too long."""
        try:
            process = subprocess.Popen(
                [*self.command, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise LowlandError(
                f"solver is {shlex.join(self.command)}, which does not start ({error.strerror}); expected a program "
                "that takes a file of SMT-LIB 2"
            ) from error
        with process:
            try:
                return process.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                return None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def solver_of(name: str = "z3") -> Solver:
    """A solver by its name, or by the command that starts it.

    Args:
        name: ``z3``, ``cvc5``, ``dreal``; or a command such as ``yices-smt2 --timeout=60``, to which the file is added.

    Raises:
        LowlandError: It is not installed.
    """
    words = shlex.split(name)
    if not words:
        raise LowlandError("solver is empty; expected z3, cvc5, dreal or a command")
    if name not in SOLVERS:
        if shutil.which(words[0]) is None:
            raise LowlandError(
                f"solver is {name}, which is not installed; expected {', '.join(SOLVERS)} or a command that "
                f"takes a file{did_you_mean(name, SOLVERS)}"
            )
        return Solver(Path(words[0]).name, tuple(words))
    options, module, script, install = SOLVERS[name]
    program = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if program is not None:
        return Solver(name, (program, *options))
    if module is not None and importlib.util.find_spec(module) is not None:
        return Solver(name, (sys.executable, "-c", script))
    raise LowlandError(f"solver is {name}, which is not installed; {install}")


_Z3 = """import sys, z3
print(z3.Z3_eval_smtlib2_string(z3.main_ctx().ref(), open(sys.argv[1]).read()))"""
_CVC5 = """import sys, cvc5
solver = cvc5.Solver()
parser = cvc5.InputParser(solver)
parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, open(sys.argv[1]).read(), "question")
while not (command := parser.nextCommand()).isNull():
    print(command.invoke(solver, parser.getSymbolManager()), end="", flush=True)"""

SOLVERS: dict[str, tuple[tuple[str, ...], str | None, str, str]] = {
    "z3": ((), "z3", _Z3, "pip install 'lowland[certification]'"),
    "cvc5": (("--lang=smt2",), "cvc5", _CVC5, "pip install cvc5"),
    "dreal": (("--model",), None, "", "put the program dreal on the path (https://dreal.github.io)"),
}
"""Options, the Python module that can stand for the program, how it reads a file, and how to install it."""
