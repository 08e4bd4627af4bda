"""One question about a weight box: mixed-integer programmes, SMT solvers with both encodings, and Marabou.

``python benchmarks/certification_smt.py [--timeout 60] [--rows 3] [--solvers z3,cvc5]``: the margin of a row of a ReLU
network whose weights and biases all move by 0.05 is asked for once beyond its lowest value, by 2 % of its fall (to be
proved), and once short of it (to be refuted). Seconds a question, the median of the rows; ``>`` where time ran out. The
programme gives the lowest margin itself. Marabou (pip install maraboupy, Python 3.11 or 3.12) gets the linear encoding.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import torch

from lowland.architectures.mlp import MLP
from lowland.certification import MethodOptions, Query
from lowland.certification.margins import margin_bounds
from lowland.certification.smt import Question, decide, margin_question, solver_of
from lowland.errors import LowlandError

SIZES = ((4, 4), (8, 8), (16,), (12, 12), (16, 16))
EPSILON = 0.05
SHARE = 0.02
Asked = tuple[str, float]


def by_solver(name: str, encoding: str) -> Callable[[Question, float], Asked]:
    solver = solver_of(name)

    def ask(question: Question, timeout: float) -> Asked:
        started = time.perf_counter()
        verdict = decide(question, solver, encoding=encoding, timeout=timeout)
        return verdict.status, time.perf_counter() - started

    return ask


def by_marabou(question: Question, timeout: float) -> Asked:
    """The rows of the linear encoding, dense layers with ReLU between them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from maraboupy import Marabou, MarabouNetwork

    started = time.perf_counter()
    network = MarabouNetwork.MarabouNetwork()
    ends = question.network.intervals(question.inputs, question.radii)
    values: list[int] = []

    def variable(low: Fraction, high: Fraction) -> int:
        new = network.getNewVariable()
        network.setLowerBound(new, float(low))
        network.setUpperBound(new, float(high))
        return new

    for name, exact in question.network.operations.items():
        results = [variable(*bounds) for bounds in ends[name]]
        if not exact.products:
            for before, after in zip(values, results, strict=True):
                network.addRelu(before, after)
        elif values:
            weights, biases = (question.network.parameters[f"{name}.{of}"] for of in ("weight", "bias"))
            radii, around = (question.radii[f"{name}.{of}"] for of in ("weight", "bias"))
            for result, products, bias in zip(results, exact.products, exact.biases, strict=True):
                for side in (1, -1):  # side * (z - w h - b) <= r h + e
                    factors = [-side * float(weights[w]) - float(radii[w]) for w, _ in products]
                    places = [values[i] for _, i in products]
                    limit = side * float(biases[bias]) + float(around[bias])
                    network.addInequality([result, *places], [float(side), *factors], limit)
        values = results
    ((place, sign),) = question.signs
    network.addInequality([values[place]], [float(sign)], float(question.goal.threshold))
    network.inputVars, network.outputVars = [], []
    options = Marabou.createOptions(verbosity=0, timeoutInSeconds=max(int(timeout), 1))
    code = network.solve(verbose=False, options=options)[0]
    status = {"sat": "refuted", "unsat": "proved"}.get(code, "timeout" if code == "TIMEOUT" else "unknown")
    return status, time.perf_counter() - started


def judges(names: list[str]) -> dict[str, Callable[[Question, float], Asked]]:
    """All that are installed, by name."""
    found: dict[str, Callable[[Question, float], Asked]] = {}
    for name in names:
        try:
            found |= {f"{name} {encoding}": by_solver(name, encoding) for encoding in ("linear", "polynomial")}
        except LowlandError as error:
            print(error)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import maraboupy  # noqa: F401
        found["Marabou"] = by_marabou
    except ImportError:
        print("maraboupy is not installed; pip install maraboupy (Python 3.11 or 3.12)")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--solvers", default="z3")
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = judges(options.solvers.split(","))
    print(f"{'network':12} {'asked for':10} {'programme':>12} " + " ".join(f"{name:>17}" for name in asked))
    for hidden in SIZES:
        torch.manual_seed(0)
        network, rows = MLP(inputs=2, hidden=hidden, outputs=1).eval(), torch.randn(options.rows, 2)
        query = Query.of(network, rows, EPSILON)
        margin_bounds(query, 0, MethodOptions())  # warm
        times: dict[tuple[str, str], list[Asked]] = {}
        programmes = []
        for row in range(options.rows):
            started = time.perf_counter()
            bounds = margin_bounds(query, row, MethodOptions(), least_only=True)
            programmes.append(time.perf_counter() - started)
            least, fall = float(bounds.least[0]), float(bounds.undisturbed[0] - bounds.least[0])
            for wanted, threshold in (("proved", least - SHARE * fall), ("refuted", least + SHARE * fall)):
                question = margin_question(
                    query, 1 - bounds.assigned, threshold=threshold, row=row, assigned=bounds.assigned
                )
                for name, ask in asked.items():
                    if all(status == "timeout" for status, _ in times.get((wanted, name), [("", 0.0)])):
                        times[wanted, name] = [*times[wanted, name], ("timeout", options.timeout)]
                        continue  # a row that took too long speaks for the others
                    status, seconds = ask(question, options.timeout)
                    assert status in (wanted, "timeout", "unknown"), f"{name} says {status}; expected {wanted}"
                    times.setdefault((wanted, name), []).append((status, seconds))
        label = "-".join(map(str, (2, *hidden, 1)))
        for wanted in ("proved", "refuted"):
            cells = [_cell(times[wanted, name], wanted) for name in asked]
            print(f"{label:12} {wanted:10} {median(programmes):10.3f} s " + " ".join(f"{cell:>17}" for cell in cells))


def _cell(given: list[Asked], wanted: str) -> str:
    seconds = median(seconds for _, seconds in given)
    answered = sum(status == wanted for status, _ in given)
    sign = "" if answered == len(given) else f"({answered} of {len(given)}) "
    return f"{sign}{'>' if answered * 2 < len(given) else ''}{seconds:.2f} s"


if __name__ == "__main__":
    main()
