"""Answers: certain, changed by a member that is known, or decided in rational numbers where tolerances blur."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lowland.certification import MethodOptions, Query, answer_of, margin_bounds
from lowland.certification import margins as margins_file
from lowland.certification.confidence import assigned_classes, deviation_of_margins
from lowland.certification.disturbances import disturbed_outputs
from lowland.certification.encoding.encode import encoded_row
from lowland.certification.margins import EncodedProgramme
from lowland.certification.programme import Programme, has_highspy
from lowland.errors import LowlandError
from tests.certification.networks import corners, perceptron

OPTIONS = MethodOptions()


def weighing(weight, bias, outputs=1):
    """One dense layer on one input."""
    model = nn.Sequential(nn.Linear(1, outputs))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(weight).reshape(outputs, 1))
        model[0].bias.copy_(torch.tensor(bias).reshape(outputs))
    return model


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_answers_agree_with_all_corners(seed, classes):
    # Two dense layers with ReLU: margins are smallest at corners of the box.
    model = perceptron(seed, (1, 2, classes))
    x = torch.randn(1, 1)
    for epsilon in (0.01, 0.1, 0.5):
        query = Query.of(model, x, epsilon)
        with torch.no_grad():
            classes_there = assigned_classes(disturbed_outputs(query, 0, corners(query)))
        stays = bool((classes_there == classes_there[0]).all()) and int(classes_there[0]) == int(
            assigned_classes(query.network(x))
        )
        assert answer_of(query, 0, OPTIONS) == ("certain" if stays else "changes")


def test_ties_go_to_the_lowest_class():
    # Margins of 0: of class 0 over class 1 that is enough, of class 1 over class 0 it is not.
    still = Query.of(weighing([1.0, 1.0], [0.0, 0.0], 2), torch.ones(1, 1), None)
    assert answer_of(still, 0, OPTIONS) in ("certain", "unknown")
    reached = Query.of(weighing([0.0], [0.25]), torch.ones(1, 1), {"0.bias": 0.25})
    assert answer_of(reached, 0, OPTIONS) == "changes"  # at logit 0 class 0 is assigned


@pytest.mark.parametrize("tight", [False, True])
def test_factors_that_the_solver_drops_count(tight):
    """HiGHS takes 9e-10 for 0, also where it multiplies 1e8."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), (1e8, 0.0, 0.0, 0.5), strict=True):
            parameter.fill_(value)
    query = Query.of(model, torch.ones(1, 1), {"0.weight": 1e5, "2.weight": 9e-10})
    programme = EncodedProgramme(encoded_row(query, 0))
    if tight:
        pytest.importorskip("highspy")
    least = 0.5 - 9e-10 * (1e8 + 1e5)
    assert -programme.largest(np.array([-1.0]), None, tight=tight)[0] <= least


def test_saturated_confidences_move_a_little():
    """Float64 has one number for all confidences from here on."""
    assert float(deviation_of_margins(*torch.tensor([[40.0], [38.0], [42.0]], dtype=torch.float64))) > math.exp(-38)


@pytest.fixture
def blurred(monkeypatch):
    """A solver whose tolerances leave every margin below 1 open, with nothing else to decide it."""
    monkeypatch.setattr(margins_file, "has_highspy", lambda: False)
    monkeypatch.setattr(margins_file, "solver_slack", lambda *_: 1.0)
    monkeypatch.setattr(margins_file.EncodedProgramme, "interval", lambda *_: float("inf"))


def test_without_a_proof_a_blurred_margin_is_unknown(blurred, monkeypatch):
    monkeypatch.setattr(margins_file, "prove_at_most", lambda *_, **__: None)
    query = Query.of(perceptron(0, (2, 4, 3, 3)), torch.ones(1, 2), 1e-4)
    assert answer_of(query, 0, OPTIONS) == "unknown"


def test_blurred_margins_are_proved_in_rational_numbers(blurred):
    query = Query.of(perceptron(0, (2, 4, 3, 3)), torch.ones(1, 2), 1e-4)
    assert bool((margin_bounds(query, 0, OPTIONS).least < 0).any())
    assert answer_of(query, 0, OPTIONS) == "certain"


def test_a_margin_far_below_the_solvers_tolerances_is_proved(blurred):
    # logit = relu(x + b) + 2^-25 with b = 0 +- 1, x = 1: the smallest margin is 2^-25, or 0, where class 0 is assigned.
    model = nn.Sequential(*weighing([1.0], [0.0]), nn.ReLU(), *weighing([1.0], [2.0**-25]))
    x = torch.ones(1, 1)
    assert answer_of(Query.of(model, x, {"0.bias": 1.0}), 0, OPTIONS) == "certain"
    with torch.no_grad():
        model[2].bias.zero_()
    assert answer_of(Query.of(model, x, {"0.bias": 1.0}), 0, OPTIONS) in ("changes", "unknown")


def test_highspy_solves_the_same_with_tighter_tolerances(monkeypatch):
    pytest.importorskip("highspy")
    assert has_highspy()
    query = Query.of(perceptron(3, (2, 5, 4, 2), "leaky"), torch.ones(1, 2), 0.1)
    programme = margins_file.EncodedProgramme(margins_file.encoded_row(query, 0))
    factors = torch.tensor([1.0, -1.0]).double().numpy()
    loose, _, _ = programme.largest(factors, None)
    tight, values, stopped = programme.largest(factors, None, tight=True)
    assert tight == pytest.approx(loose, abs=1e-4)
    assert values is not None and not stopped
    monkeypatch.setattr(margins_file, "solver_slack", _slack_above(1e-6))
    monkeypatch.setattr(margins_file.EncodedProgramme, "interval", lambda *_: float("inf"))
    monkeypatch.setattr(margins_file, "prove_at_most", lambda *_, **__: None)
    # With SciPy's tolerances the answer would be open.
    assert answer_of(Query.of(perceptron(0, (2, 4, 3, 3)), torch.ones(1, 2), 1e-4), 0, OPTIONS) == "certain"


def _slack_above(tolerance):
    return lambda *arguments: 1.0 if arguments[-1][0] >= tolerance else 1e-6


def test_without_highspy_tight_tolerances_are_refused(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    programme = Programme()
    variable = programme.add_variables(torch.zeros(1).double().numpy(), torch.ones(1).double().numpy())
    one = torch.ones(1).double().numpy()
    programme.add_rows([(variable, one)], None, one)
    with pytest.raises(LowlandError, match="highspy is not installed"):
        programme.largest(variable, one, tight=True)
