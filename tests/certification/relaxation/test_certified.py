"""Rows are proved, refuted or open; what is proved is never refuted by another method, and the reverse."""

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, MethodOptions, Query, certified_rows
from lowland.certification.encoding.encode import Encoder
from lowland.certification.margins import answer_of
from lowland.errors import LowlandError
from tests.certification.networks import Convolving, perceptron


def _network(seed, sizes):
    """Margins of the size of what a box moves: larger weights, and biases that differ."""
    network = perceptron(seed, sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 2:
                parameter *= 2.0
            else:
                parameter.normal_()
    return network


@pytest.mark.parametrize("epsilon", [0.02, 0.1])
def test_rows_are_what_programmes_say_of_each(epsilon):
    for seed in range(4):
        network = _network(seed, (3, 8, 6, 3))
        rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))
        found = certified_rows(network, rows, epsilon)
        query = Query.of(network, rows, epsilon)
        encoder = Encoder.of(query)
        words = {"certain": "proved", "changes": "refuted"}
        for row, status in enumerate(found.statuses):
            assert status == words.get(answer_of(query, row, MethodOptions(), encoder=encoder), status)
            assert (status == "open") == (found.by[row] == "")
        assert torch.equal(found.assigned, network(rows).argmax(1))


def test_every_effort_decides_more_and_contradicts_none():
    network = _network(3, (4, 16, 12, 3))
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))
    efforts = [certified_rows(network, rows, 0.06, effort=effort) for effort in ("relaxation", "branching", "milp")]
    for less, more in ((efforts[0], efforts[1]), (efforts[1], efforts[2])):
        assert bool((more.proved | ~less.proved).all()) and bool((more.refuted | ~less.refuted).all())
    assert not bool(efforts[2].open.any())
    assert int(efforts[0].open.sum()) > int(efforts[1].open.sum())
    assert {"crown", "search"} <= set(efforts[2].by)
    assert set(efforts[2].seconds) == {"crown", "search", "slopes", "branching", "milp"}


def test_certified_accuracy_counts_right_rows_and_narrows():
    network = _network(3, (4, 16, 12, 3))
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))
    targets = network(rows).argmax(1)
    targets[::3] = (targets[::3] + 1) % 3
    loose = certified_rows(network, rows, 0.06, effort="relaxation").accuracy(targets)
    tight = certified_rows(network, rows, 0.06).accuracy(targets)
    assert loose[0] <= tight[0] == tight[1] <= loose[1] <= 40 / 60


def test_two_classes_in_one_logit_and_convolutions():
    torch.manual_seed(0)
    network = Convolving(deeper=True).eval()
    rows = torch.randn(12, 1, 3, 3)
    for epsilon in (1e-4, 5.0):
        found = certified_rows(network, rows, epsilon, row_timeout=2.0)
        assert torch.equal(found.assigned, (network(rows)[:, 0] > 0).long())
        assert bool(found.proved.all()) if epsilon < 1 else bool(found.refuted.all())


def test_smooth_activations_are_bounded_without_programmes():
    torch.manual_seed(2)
    network = nn.Sequential(nn.Linear(3, 6), nn.GELU(), nn.Linear(6, 3)).eval()
    rows = torch.randn(40, 3)
    found = certified_rows(network, rows, 0.02)
    assert set(found.statuses) >= {"proved"} and "milp" not in found.seconds
    assert int(found.proved.sum()) > 20


def test_boxes_of_inputs_ask_for_the_class_of_their_middle():
    network = _network(1, (3, 8, 6, 3))
    center = torch.randn(5, 3, generator=torch.Generator().manual_seed(3))
    nothing = certified_rows(network, InputBox(center - 1e-6, center + 1e-6), None)
    assert bool(nothing.proved.all())
    wide = certified_rows(network, InputBox(center - 20, center + 20), None, timeout=60.0)
    assert bool(wide.refuted.any())


def test_time_that_is_over_leaves_rows_open():
    found = certified_rows(perceptron(5, (4, 16, 12, 3)), torch.randn(30, 4), 0.06, timeout=1e-6)
    assert found.timed_out and "open" in found.statuses
    assert not bool(found.refuted.any())


def test_bad_questions_are_named():
    with pytest.raises(ValueError, match="effort is 'most'; expected one of relaxation, branching, milp"):
        certified_rows(perceptron(0), torch.zeros(1, 2), 0.1, effort="most")
    with pytest.raises(LowlandError, match="expected a number above 0"):
        certified_rows(perceptron(0), torch.zeros(1, 2), 0.0)
