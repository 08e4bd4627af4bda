"""Flipped bits of stored words."""

import pytest
import torch

from lowland.errors import LowlandError
from lowland.export.flips import Flip, flipped
from tests.export.networks import network


def test_one_bit_changes_one_code_by_its_place():
    given = network("tied", 4)
    before = given.codes["cell.weight"].flatten().long()
    for bit in range(4):
        after = flipped(given, [Flip("cell.weight", 5, bit)]).codes["cell.weight"].flatten().long()
        change = after - before
        assert change.abs().nonzero().flatten().tolist() == [5]
        assert abs(int(change[5])) == 2**bit and -8 <= int(after[5]) <= 7


def test_tables_flip_in_plain_binary():
    given = network("tables", 4)  # unsigned results: the highest bit is no sign
    before, after = (int(each.codes["gate.table"][0]) for each in (given, flipped(given, [Flip("gate.table", 0, 3)])))
    assert after == before ^ 8


def test_the_same_bit_twice_is_none_and_the_network_stays():
    given = network("tied", 4)
    before = {name: codes.clone() for name, codes in given.codes.items()}
    again = flipped(given, [Flip("head.bias", 1, 0), Flip("head.weight", 1, 0), Flip("head.bias", 1, 0)])
    assert torch.equal(again.codes["head.bias"], before["head.bias"])
    assert not torch.equal(again.codes["head.weight"], before["head.weight"])
    assert all(torch.equal(codes, before[name]) for name, codes in given.codes.items())
    assert flipped(given, []) is given


@pytest.mark.parametrize(
    "flip, message",
    [
        (Flip("head.wait", 0, 0), "did you mean head.weight"),
        (Flip("head.weight", 18, 0), "element of .* is 18; expected 0 to 17"),
        (Flip("head.weight", 0, 4), "bit of .* is 4; expected 0 to 3"),
        (Flip("head.weight", -1, 0), "element of .* is -1"),
    ],
)
def test_bits_that_are_not_stored_are_refused(flip, message):
    with pytest.raises(LowlandError, match=message):
        flipped(network("tied", 4), [flip])
