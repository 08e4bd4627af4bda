"""Pieces are torch's activations, on the whole line and on parts of it."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.certification.real_network import Operation, Rounding
from lowland.certification.smt.pieces import meeting, pieces_of, range_of, value_of

LAYERS = [
    nn.ReLU(),
    nn.LeakyReLU(0.25),
    nn.LeakyReLU(-0.5),
    nn.Hardtanh(-0.5, 2.0),
    nn.ReLU6(),
    Rounding(0.1, -1.0, 1.5),
]
EIGHTHS = st.integers(-64, 64).map(lambda number: Fraction(number, 8))


def of(layer):
    return pieces_of(Operation("layer", ("inputs",), "activation", layer, (1,), True))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@settings(deadline=None, max_examples=50)
@given(at=EIGHTHS)
def test_values_are_those_of_torch(layer, at):
    assert float(value_of(of(layer), at)) == float(layer(torch.tensor(float(at), dtype=torch.float64)))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@settings(deadline=None, max_examples=50)
@given(ends=st.tuples(EIGHTHS, EIGHTHS).map(sorted), share=st.integers(0, 16))
def test_on_an_interval_range_and_pieces_are_enough(layer, ends, share):
    low, high = ends
    at = low + (high - low) * share / 16
    pieces = of(layer)
    lowest, highest = range_of(pieces, low, high)
    assert lowest <= value_of(pieces, at) <= highest
    kept = meeting(pieces, low, high)
    assert value_of(kept, at) == value_of(pieces, at)
    assert kept[-1].end is None
    assert len(kept) <= len(pieces)


def test_an_interval_on_one_side_has_one_piece():
    pieces = of(nn.ReLU())
    assert [len(meeting(pieces, *ends)) for ends in ((1, 2), (0, 2), (-2, 0), (-1, 1), (None, None))] == [1, 1, 1, 2, 2]
