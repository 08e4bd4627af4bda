"""Bounds meet what enumeration says, and a timeout keeps what was reached."""

import pytest
import torch
from torch import nn

from lowland.certification import METHODS, InputBox, MethodOptions, Query, local_deviation
from lowland.certification.margins import margin_bounds
from lowland.certification.smt import SmtOptions, smt_deviation, smt_margin, solved
from tests.certification.networks import Convolving, Skipping
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
    assert bounds.width <= 1e-3 + 1e-12
    assert bounds.status == "exact"


def test_the_lowest_margin_lies_between_its_bounds(corners):
    needs_z3()
    query, margins = corners
    assigned = int(query.network(ROW) > 0)
    lowest = float((margins if assigned else -margins).min())
    bounds = smt_margin(query, 1 - assigned, SmtOptions(tolerance=1e-2))
    assert bounds.lower <= lowest <= bounds.upper
    assert bounds.width <= 1e-2 + 1e-12
    assert bounds.status == "exact"


def test_over_an_input_box_the_bounds_hold_every_draw():
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), seed=4), InputBox(ROW - 0.5, ROW + 0.5), 0.125)
    after, before = margins_of_draws(query)
    sampled = float((after.sigmoid() - before.sigmoid()).abs().max())
    bounds = smt_deviation(query, SmtOptions(tolerance=0.02))
    assert sampled <= bounds.upper
    assert bounds.lower >= sampled - 0.02
    assert bounds.status == "exact"


def test_without_time_there_are_still_bounds():
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), ROW, 0.125)
    bounds = smt_deviation(query, SmtOptions(timeout=1e-3))
    after, before = margins_of_draws(query)
    assert bounds.status == "timeout"
    assert bounds.lower == 0
    assert bounds.upper >= float((after.sigmoid() - before.sigmoid()).abs().max())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.Hardtanh, nn.Identity])
def test_solvers_and_programmes_agree(seed, activation):
    """Two encodings that share no code, two solvers that share no method."""
    needs_z3()
    outputs = 1 + seed % 2
    network = dense(nn.Linear(2, 3), activation(), nn.Linear(3, 2), activation(), nn.Linear(2, outputs), seed=seed)
    rows = torch.randn(2, 2, generator=torch.Generator().manual_seed(seed))
    programme, solver = (
        local_deviation(network, rows, 0.0625, method=method, tolerance=5e-3) for method in ("milp", "smt")
    )
    assert max(programme.lower, solver.lower) <= min(programme.upper, solver.upper) + 1e-9
    assert (programme.status, solver.status) == ("exact", "exact")


@pytest.mark.parametrize("network", [Skipping(), Convolving(), Convolving(pool=False)])
def test_skips_and_first_convolutions_agree_with_programmes(network):
    needs_z3()
    row = torch.randn(1, *((2,) if isinstance(network, Skipping) else (1, 3, 3)), generator=torch.manual_seed(0))
    network = network.eval().requires_grad_(False)
    programme, solver = (
        local_deviation(network, row, 0.0625, method=method, tolerance=5e-3) for method in ("milp", "smt")
    )
    assert max(programme.lower, solver.lower) <= min(programme.upper, solver.upper) + 1e-9
    assert solver.status == "exact"


def test_deeper_convolutions_are_bounded_from_both_sides():
    """Their linear encoding is only sound; what it finds is computed again with weights that act everywhere alike."""
    needs_z3()
    torch.manual_seed(1)
    query = Query.of(Convolving(deeper=True, pool=False).eval(), torch.randn(1, 1, 3, 3), 0.0625)
    linear = smt_deviation(query, SmtOptions(tolerance=1e-2, timeout=60))
    largest = METHODS["search"](query, MethodOptions()).lower
    assert largest <= linear.upper
    assert linear.lower <= METHODS["milp"](query, MethodOptions()).upper


@pytest.mark.parametrize("seed", range(3))
def test_margins_of_several_classes_agree_with_programmes(seed):
    needs_z3()
    network = dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), seed=seed)
    query = Query.of(network, InputBox(ROW - 0.125, ROW + 0.125), 0.0625)
    programme = margin_bounds(query, 0, MethodOptions())
    others = [other for other in range(3) if other != programme.assigned]
    for other, least in zip(others, programme.least.tolist(), strict=True):
        bounds = smt_margin(query, other, SmtOptions(tolerance=5e-3), assigned=programme.assigned)
        assert bounds.status == "exact"
        assert bounds.lower - 1e-4 <= least <= bounds.upper


def test_all_rows_share_the_time():
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), ROW.repeat(3, 1), 0.125)
    assert solved(query, MethodOptions(timeout=1e-3)).status == "timeout"
    one = solved(query[:1], MethodOptions(tolerance=1e-2))
    assert solved(query, MethodOptions(tolerance=1e-2)) == one
