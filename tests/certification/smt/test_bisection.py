"""Bounds meet what enumeration says, and a timeout keeps what was reached."""

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query
from lowland.certification.smt import SmtOptions, smt_deviation, smt_margin
from lowland.errors import LowlandError
from tests.certification.smt.nets import dense, margins_of_corners, margins_of_draws, needs_z3

ROW = torch.tensor([[0.5, -0.25]])


@pytest.fixture
def corners():
    query = Query.of(dense(nn.Linear(2, 2), nn.Linear(2, 1, bias=False), seed=3), ROW, 0.125)
    return query, margins_of_corners(query)


def test_the_deviation_of_a_row_lies_between_its_bounds(corners):
    needs_z3()
    query, margins = corners
    largest = float((margins.sigmoid() - query.network(ROW).sigmoid()).abs().max())
    bounds = smt_deviation(query, SmtOptions(tolerance=1e-3))
    assert bounds.lower <= largest + 1e-12
    assert bounds.upper >= largest - 1e-12
    assert bounds.width <= 2e-3
    assert bounds.status == "exact"


def test_the_lowest_margin_lies_between_its_bounds(corners):
    needs_z3()
    query, margins = corners
    assigned = int(query.network(ROW) > 0)
    lowest = float((margins if assigned else -margins).min())
    bounds = smt_margin(query, 1 - assigned, SmtOptions(tolerance=1e-2))
    assert bounds.lower <= lowest <= bounds.upper
    assert bounds.width <= 2e-2
    assert bounds.status == "exact"


def test_over_an_input_box_the_bounds_hold_every_draw():
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), seed=4), InputBox(ROW - 0.5, ROW + 0.5), 0.125)
    after, before = margins_of_draws(query)
    sampled = float((after.sigmoid() - before.sigmoid()).abs().max())
    bounds = smt_deviation(query, SmtOptions(tolerance=0.02))
    assert sampled <= bounds.upper
    assert bounds.lower >= sampled - 0.04
    assert bounds.status == "exact"


def test_without_time_there_are_still_bounds():
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), ROW, 0.125)
    bounds = smt_deviation(query, SmtOptions(timeout=1e-3))
    after, before = margins_of_draws(query)
    assert bounds.status == "timeout"
    assert bounds.lower == 0
    assert bounds.upper >= float((after.sigmoid() - before.sigmoid()).abs().max())


@pytest.mark.parametrize(
    "options, message", [({"tolerance": 0.0}, "tolerance is 0.0"), ({"timeout": -1.0}, "timeout is -1.0")]
)
def test_options_are_checked(options, message):
    with pytest.raises(LowlandError, match=message):
        SmtOptions(**options)
