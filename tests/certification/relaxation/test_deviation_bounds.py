"""What is found <= what programmes prove <= linear bounds <= intervals, on many random networks."""

import pytest
import torch

from lowland.certification import METHODS, InputBox, MethodOptions, Query, local_deviation
from tests.certification.networks import ACTIVATIONS, Skipping, perceptron

QUICK = MethodOptions(num_samples=32, num_steps=8)
ROUNDED = 1e-4  # how far the solver's tolerances widen the bounds of networks of this size


def _in_order(query):
    bounds = {name: METHODS[name](query, QUICK) for name in METHODS}
    assert bounds["sample"].lower <= bounds["search"].lower <= bounds["milp"].upper
    assert bounds["milp"].upper <= bounds["relaxation"].upper + ROUNDED
    assert bounds["relaxation"].upper <= bounds["interval"].upper + 1e-12
    assert bounds["relaxation"].status == bounds["interval"].status == "relaxed"
    return bounds["interval"].upper - bounds["relaxation"].upper


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_methods_stand_in_order_on_rows(activation):
    gains = []
    for seed in range(12):
        network = perceptron(seed, (2, 4, 3, 1 + seed % 3), activation)
        rows = torch.randn(2, 2, generator=torch.Generator().manual_seed(seed))
        gains.append(_in_order(Query.of(network, rows, [0.01, 0.1, 0.3][seed % 3])))
    assert max(gains) > 1e-3


def test_methods_stand_in_order_on_boxes_of_inputs():
    for seed in range(12):
        network = perceptron(seed, (2, 4, 1), "relu")
        center = torch.randn(1, 2, generator=torch.Generator().manual_seed(seed))
        _in_order(Query.of(network, InputBox(center - 0.2, center + 0.2), 0.05))


def test_methods_stand_in_order_on_skips():
    for seed in range(10):
        torch.manual_seed(seed)
        _in_order(Query.of(Skipping(1 + seed % 3).eval(), torch.randn(1, 2), 0.05))


def test_a_box_that_is_almost_nothing_moves_almost_nothing():
    network = perceptron(0)
    for method in ("relaxation", "interval"):
        bounds = local_deviation(network, torch.ones(1, 2), 1e-9, method=method)
        assert 0 <= bounds.lower <= bounds.upper < 1e-7


def test_a_box_of_inputs_without_a_box_of_weights_moves_no_confidence_more_than_all_of_it():
    network = perceptron(3)
    box = InputBox(-torch.ones(1, 2), torch.ones(1, 2))
    bounds = METHODS["relaxation"](Query.of(network, box, None), QUICK)
    assert 0 < bounds.upper <= 1  # bounds of both sides apart: what moves them alike is not seen
