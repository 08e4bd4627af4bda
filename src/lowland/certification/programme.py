"""Mixed-integer linear programmes: variables between two ends, rows, and bounds on what a sum of them can be."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds as Box
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csc_array

from lowland.errors import LowlandError

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

FEASIBILITY = 1e-6
"""How far a solution of HiGHS may violate a row, be from a whole number, or be from the best."""
DUAL_FEASIBILITY = 1e-7
"""How far a reduced cost may have the wrong sign."""

DROPPED = 1e-9
"""Factors of this size and below are 0 to HiGHS, however large their variables are."""

TIGHT = 1e-9
"""All of them but ``DROPPED`` where ``highspy`` is told so: SciPy cannot pass them on."""

Outcome = Literal["optimal", "timeout", "infeasible", "failed"]


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver says of the largest value of a sum.

    Attributes:
        outcome: ``failed`` where the solver gave up; its bound is then infinite.
        bound: No solution is higher, up to the solver's tolerances.
        values: Of all variables in the best solution known; ``None`` where there is none.
    """

    outcome: Outcome
    bound: float
    values: Numbers | None


class Programme:
    """Variables, rows and which variables are whole numbers."""

    def __init__(self) -> None:
        self._lower: list[Numbers] = []
        self._upper: list[Numbers] = []
        self._integral: list[Numbers] = []
        self.num_variables = 0
        self._entries: list[tuple[Numbers, Places, Places]] = []
        self._least: list[Numbers] = []
        self._greatest: list[Numbers] = []
        self.num_rows = 0
        self._assembled: tuple[csc_array, Numbers, Numbers, Numbers, Numbers, Numbers] | None = None

    def add_variables(self, lower: Numbers, upper: Numbers, *, integer: bool = False) -> Places:
        """Numbers of new variables [new].

        Args:
            lower: Their lower ends.
            upper: Their upper ends.
            integer: Whether they are whole numbers.
        """
        count = len(lower)
        self._lower.append(lower)
        self._upper.append(upper)
        self._integral.append(np.full(count, float(integer)))
        self.num_variables += count
        self._assembled = None
        return np.arange(self.num_variables - count, self.num_variables)

    def add_rows(
        self, terms: Sequence[tuple[Places, Numbers]], least: Numbers | None, greatest: Numbers | None
    ) -> None:
        """Rows least <= sum of factor times variable <= greatest, one variable of each term in every row.

        Args:
            terms: Variables and factors [rows] each.
            least: [rows], or ``None``: minus infinity.
            greatest: [rows], or ``None``: infinity.
        """
        count = len(terms[0][0])
        places = np.arange(self.num_rows, self.num_rows + count)
        for variables, factors in terms:
            self._entries.append((factors, places, variables))
        self._finish(count, least, greatest)

    def add_matrix(
        self,
        results: Places,
        terms: Sequence[tuple[Places, Numbers]],
        least: Numbers | None,
        greatest: Numbers | None,
    ) -> None:
        """Rows least <= result - sum of matrices times variables <= greatest.

        Args:
            results: One variable a row.
            terms: Variables [columns] and matrices [rows, columns].
            least: [rows], or ``None``: minus infinity.
            greatest: [rows], or ``None``: infinity.
        """
        count = len(results)
        self._entries.append((np.ones(count), np.arange(self.num_rows, self.num_rows + count), results))
        for variables, matrix in terms:
            rows, columns = np.nonzero(matrix)
            self._entries.append((-matrix[rows, columns], rows + self.num_rows, variables[columns]))
        self._finish(count, least, greatest)

    def _finish(self, count: int, least: Numbers | None, greatest: Numbers | None) -> None:
        self._least.append(np.full(count, -np.inf) if least is None else least)
        self._greatest.append(np.full(count, np.inf) if greatest is None else greatest)
        self.num_rows += count
        self._assembled = None

    def assembled(self) -> tuple[csc_array, Numbers, Numbers, Numbers, Numbers, Numbers]:
        """Matrix [rows, variables], ends of the rows, ends of the variables, and 1 where a variable is whole."""
        if self._assembled is None:
            factors = [entry[0] for entry in self._entries] or [np.zeros(0)]
            rows = [entry[1] for entry in self._entries] or [np.zeros(0, dtype=np.intp)]
            columns = [entry[2] for entry in self._entries] or [np.zeros(0, dtype=np.intp)]
            matrix = csc_array(
                (np.concatenate(factors), (np.concatenate(rows), np.concatenate(columns))),
                shape=(self.num_rows, self.num_variables),
            )
            least, greatest, lower, upper, integral = (
                np.concatenate([np.zeros(0), *parts])
                for parts in (self._least, self._greatest, self._lower, self._upper, self._integral)
            )
            _drop_small(matrix, least, greatest, lower, upper)
            self._assembled = (matrix, least, greatest, lower, upper, integral)
        return self._assembled

    def largest(
        self,
        variables: Places,
        factors: Numbers,
        *,
        timeout: float | None = None,
        within: tuple[Places, Numbers, Numbers] | None = None,
        tight: bool = False,
    ) -> Solution:
        """The largest value of a sum of variables.

        Args:
            variables: Which.
            factors: Of each.
            timeout: Seconds; ``None``: no limit.
            within: Variables with other ends, their lower and their upper ones, for this time.
            tight: Whether to solve by ``highspy`` with tolerances of ``TIGHT``.

        Raises:
            LowlandError: ``tight`` where highspy is not installed.
        """
        matrix, least, greatest, lower, upper, integral = self.assembled()
        if within is not None:
            lower, upper = lower.copy(), upper.copy()
            lower[within[0]] = np.maximum(lower[within[0]], within[1])
            upper[within[0]] = np.minimum(upper[within[0]], within[2])
            if bool((lower > upper).any()):
                return Solution("infeasible", -np.inf, None)
        costs = np.zeros(self.num_variables)
        np.add.at(costs, variables, -factors)
        if not self.num_rows:
            values = np.where(costs > 0, lower, upper)
            return Solution("optimal", float(-(costs @ values)), values)
        if tight:
            return _tightly_solved(self.assembled()[:3], (lower, upper, integral), costs, timeout)
        options: dict[str, float] = {"mip_rel_gap": 0.0}
        if timeout is not None:
            options["time_limit"] = max(timeout, 1e-3)
        result = milp(
            costs,
            integrality=integral,
            bounds=Box(lower, upper),
            constraints=LinearConstraint(matrix, least, greatest),
            options=options,
        )
        return _solution(result, bool(integral.any()))


def _drop_small(matrix: csc_array, least: Numbers, greatest: Numbers, lower: Numbers, upper: Numbers) -> None:
    """Takes factors that HiGHS drops out of the rows, whose ends make room for whatever they stood for; in place."""
    small = np.abs(matrix.data) <= DROPPED
    rows, columns = matrix.indices[small], np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))[small]
    ends = matrix.data[small] * np.stack([lower[columns], upper[columns]])
    np.subtract.at(least, rows, ends.max(axis=0))
    np.subtract.at(greatest, rows, ends.min(axis=0))
    matrix.data[small] = 0.0
    matrix.eliminate_zeros()


def _solution(result: object, has_integers: bool) -> Solution:
    status = getattr(result, "status", 4)
    outcome: Outcome = {0: "optimal", 1: "timeout", 2: "infeasible"}.get(status, "failed")  # type: ignore[assignment]
    values = getattr(result, "x", None)
    if outcome == "infeasible":
        return Solution(outcome, -np.inf, None)
    bound = getattr(result, "mip_dual_bound", None) if has_integers else None
    if bound is None and outcome == "optimal":  # without whole numbers the solution's value is the bound
        bound = getattr(result, "fun", None)
    usable = bound is not None and np.isfinite(bound) and outcome != "failed"
    return Solution(outcome, -float(bound) if usable else np.inf, values)  # type: ignore[arg-type]


def has_highspy() -> bool:
    """Whether programmes can be solved with tighter tolerances than SciPy's."""
    return importlib.util.find_spec("highspy") is not None


def _tightly_solved(
    rows: tuple[csc_array, Numbers, Numbers],
    variables: tuple[Numbers, Numbers, Numbers],
    costs: Numbers,
    timeout: float | None,
) -> Solution:
    """The same by ``highspy`` with tolerances of ``TIGHT``."""
    if not has_highspy():
        raise LowlandError(
            "highspy is not installed, which solves programmes with tolerances of 1e-9; "
            "install it by `pip install highspy`, or ask without tight"
        )
    import highspy

    (matrix, least, greatest), (lower, upper, integral) = rows, variables
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(costs), len(least)
    model.col_cost_, model.col_lower_, model.col_upper_ = costs, lower, upper
    model.row_lower_, model.row_upper_ = least, greatest
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    model.integrality_ = [kinds[int(whole)] for whole in integral]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 0.0)
    for name in (
        "mip_abs_gap",
        "mip_feasibility_tolerance",
        "primal_feasibility_tolerance",
        "dual_feasibility_tolerance",
    ):
        solver.setOptionValue(name, TIGHT)
    if timeout is not None:
        solver.setOptionValue("time_limit", max(timeout, 1e-3))
    solver.passModel(model)
    solver.run()
    statuses = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kTimeLimit: "timeout",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
    }
    outcome: Outcome = statuses.get(solver.getModelStatus(), "failed")  # type: ignore[assignment]
    if outcome == "infeasible":
        return Solution(outcome, -np.inf, None)
    information = solver.getInfo()
    bound = information.mip_dual_bound if integral.any() else information.objective_function_value
    usable = outcome != "failed" and np.isfinite(bound) and (bool(integral.any()) or outcome == "optimal")
    values = np.array(solver.getSolution().col_value)
    return Solution(outcome, -float(bound) if usable else np.inf, values if len(values) == len(costs) else None)
