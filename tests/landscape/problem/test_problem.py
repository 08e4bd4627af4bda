"""A problem is made once, handed on, and gives what its parts give alone."""

import doctest
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.landscape import (
    Problem,
    gradient_norm,
    gradient_norms,
    hessian_diagonal,
    hessian_eigenvalues,
    hessian_trace,
    hessian_trace_by_layer,
    loss_surface,
    normalised_sharpness,
    plane,
    scaled_trace,
    spectral_density,
)
from lowland.landscape.curvature.capture import exact_curvature_with_inputs
from lowland.landscape.problem import problem as problem_module
from lowland.landscape.problem.problem import problem_of
from tests.cases import CASES

LOSS = functional.cross_entropy
MEASURES = {
    "gradient norm": gradient_norm,
    "norms": lambda *given: gradient_norms(*given).estimates,
    "eigenvalue": lambda *given: hessian_eigenvalues(*given).largest,
    "trace": hessian_trace,
    "by layer": lambda *given: hessian_trace_by_layer(*given).layers,
    "scaled": scaled_trace,
    "normalised": normalised_sharpness,
    "density": lambda *given: spectral_density(*given, num_runs=2, num_steps=5).nodes.tolist(),
    "plane": lambda *given: torch.cat([part.flatten() for part in plane("hessian", *given)[0].values()]).tolist(),
    "surface": lambda *given: loss_surface(
        *given, directions=plane("filter_normalised", given[0]), num_points=3
    ).losses.tolist(),
}


def test_the_example_runs():
    assert doctest.testmod(sys.modules[Problem.__module__]).failed == 0


@pytest.mark.parametrize("case", ["mlp", "tanh", "sigmoid output"])
def test_one_problem_gives_what_the_parts_give_in_any_order(case):
    model, rows, loss = CASES[case].model(), CASES[case].data(), CASES[case].loss
    alone = {name: measure(model, loss, [rows]) for name, measure in MEASURES.items()}
    for order in (list(MEASURES), list(MEASURES)[::-1]):
        problem = Problem(model, loss, [rows])
        for name in order:
            found = MEASURES[name](problem)
            if isinstance(found, list):
                torch.testing.assert_close(torch.tensor(found), torch.tensor(alone[name]), rtol=1e-6, atol=1e-9)
            else:
                _close(found, alone[name])


def _close(found, expected):
    if isinstance(found, dict | tuple):
        keys = found if isinstance(found, dict) else range(len(found))
        for key in keys:
            _close(found[key], expected[key])
        return
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert (found.status, found.num_samples) == (expected.status, expected.num_samples)


def test_it_is_checked_once(monkeypatch):
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    problem = Problem(model, LOSS, [rows])
    for measure in MEASURES.values():
        measure(problem)
    checks = ("require_repeatable", "require_independent_rows", "require_row_mean", "require_every_part", "bends")
    for check in checks:
        monkeypatch.setattr(problem_module, check, lambda *_, name=check: pytest.fail(f"{name} again"))
    for measure in MEASURES.values():
        measure(problem)


def test_it_comes_alone_and_with_rows():
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    problem = Problem(model, LOSS, [rows])
    assert problem_of(problem) is problem
    for given in ((problem, LOSS), (problem, None, [rows])):
        with pytest.raises(TypeError, match="expected the problem alone"):
            problem_of(*given)
    with pytest.raises(TypeError, match="a model without batches"):
        problem_of(model, LOSS)
    with pytest.raises(TypeError, match="made without a loss"):
        hessian_trace(Problem(model, None, [rows]))


def test_other_rows_and_another_loss():
    model, (inputs, targets) = CASES["mlp"].model(), CASES["mlp"].data()
    problem = Problem(model, LOSS, [(inputs, targets)])
    hessian_trace(problem)
    few = problem.first(7)
    assert few.num_rows == 7
    _close(hessian_trace(few), hessian_trace(model, LOSS, [(inputs[:7], targets[:7])]))

    def doubled(outputs, aims):
        return 2 * LOSS(outputs, aims)

    _close(hessian_trace(problem.with_loss(doubled)), hessian_trace(model, doubled, [(inputs, targets)]))


def test_half_precision_is_differentiated_in_float32():
    model = nn.Sequential(nn.Linear(4, 3)).to(torch.bfloat16).eval()
    inputs, targets = CASES["mlp"].data()
    problem = Problem(model, LOSS, [(inputs.to(torch.bfloat16), targets)])
    assert {p.dtype for p in problem.parameters.values()} == {torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert hessian_trace(problem).status == "ok"


def test_a_capture_with_inputs_has_them_whatever_was_asked_first():
    problem = Problem(CASES["mlp"].model(), LOSS, [CASES["mlp"].data()])
    hessian_diagonal(problem)
    found = exact_curvature_with_inputs(problem)
    assert bool(found.input_diagonal.any()) and found.input_diagonal.shape == problem.batches[0][0].shape
