"""Programmes by hand: linear, with whole numbers, without rows, and without any solution."""

import os

import numpy as np
import pytest

from lowland.certification.programme import Programme, silence


def knapsack(integer):
    """x + y <= 1.5 with x and y from 0 to 1."""
    programme = Programme()
    variables = programme.add_variables(np.zeros(2), np.ones(2), integer=integer)
    one = np.ones(1)
    programme.add_rows([(variables[:1], one), (variables[1:], one)], None, np.array([1.5]))
    return programme, variables


@pytest.mark.parametrize("integer, best", [(False, 2.5), (True, 2.0)])
def test_the_largest_value_is_found_and_bounded(integer, best):
    programme, variables = knapsack(integer)
    solution = programme.largest(variables, np.array([1.0, 2.0]))
    assert solution.outcome == "optimal"
    assert solution.bound == pytest.approx(best)
    assert solution.values @ np.array([1.0, 2.0]) == pytest.approx(best)


def test_other_ends_hold_for_one_time_only():
    programme, variables = knapsack(False)
    within = (variables[1:], np.zeros(1), np.full(1, 0.25))
    assert programme.largest(variables, np.array([1.0, 2.0]), within=within).bound == pytest.approx(1.5)
    assert programme.largest(variables, np.array([1.0, 2.0])).bound == pytest.approx(2.5)


def test_without_a_solution_nothing_is_reached():
    programme, variables = knapsack(True)
    programme.add_rows([(variables[:1], np.ones(1)), (variables[1:], np.ones(1))], np.array([1.75]), None)
    solution = programme.largest(variables, np.ones(2))
    assert (solution.outcome, solution.bound, solution.values) == ("infeasible", -np.inf, None)
    empty = (variables[:1], np.array([2.0]), np.array([3.0]))
    assert knapsack(True)[0].largest(variables, np.ones(2), within=empty).outcome == "infeasible"


def test_without_rows_the_ends_decide():
    programme = Programme()
    variables = programme.add_variables(np.array([-1.0, -2.0]), np.array([3.0, 5.0]))
    solution = programme.largest(variables, np.array([1.0, -1.0]))
    assert solution.bound == 5.0
    assert solution.values.tolist() == [3.0, -2.0]


def test_a_solver_leaves_the_output_alone(capfd):
    with silence():
        os.write(1, b"a line of HiGHS")
    os.write(1, b"ours")
    assert capfd.readouterr().out == "ours"
