from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults import Flips, apply_flips, apply_stuck_bits, random_flips
from lowland.faults.scale_words import scale_words
from lowland.quantization.graph.integer import IntegerNetwork
from tests.quantization.networks import integer_network

mlp = cache(integer_network)


def words_of(network: IntegerNetwork, encoding: str) -> dict[str, torch.Tensor]:
    coding = ENCODINGS[encoding]
    stored = {name: coding.encode(codes.long(), network.bits[name]) for name, codes in network.codes.items()}
    return stored | {name: words for name, (words, _) in scale_words(network).items()}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([2, 3, 8, 16]),
    st.sampled_from(sorted(ENCODINGS)),
    st.integers(0, 1),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_stuck_bits_have_their_value_and_nothing_else_changes(
    bits: int, encoding: str, value: int, rate: float, draw: int
) -> None:
    network = mlp(bits)
    targets = ("weights", "biases", "scales")
    if encoding == "sign_magnitude":  # biases may be as low as no such word can say
        targets = ("weights", "scales")
    sites = random_flips(network, bit_error_rate=rate, targets=targets, key=("stuck", draw))
    stuck = apply_stuck_bits(network, sites, value=value, encoding=encoding)
    before, after = words_of(network, encoding), words_of(stuck, encoding)
    for name, words in before.items():
        mask = torch.zeros(words.numel(), dtype=torch.int64)
        if name in sites.bits:
            elements, masks = sites.words(name, words.numel(), 62)
            mask[elements] = masks
        mask = mask.reshape(words.shape)
        expected = words | mask if value else words & ~mask
        if encoding == "sign_magnitude" and name in network.bits:  # negative zero is written as zero again
            width = network.bits[name]
            expected = torch.where(expected == 2 ** (width - 1), 0, expected)
        assert torch.equal(after[name], expected)
    again = words_of(apply_stuck_bits(stuck, sites, value=value, encoding=encoding), encoding)
    assert all(torch.equal(words, after[name]) for name, words in again.items())


def test_one_stuck_bit_is_no_fault_or_a_flip() -> None:
    network = mlp(4)
    for position in range(4):
        for element in range(12):
            site = Flips({"0.weight": (torch.tensor([element]), torch.tensor([position]))})
            bit = int(network.codes["0.weight"].flatten()[element]) >> position & 1
            same = apply_stuck_bits(network, site, value=bit).codes["0.weight"]
            assert torch.equal(same, network.codes["0.weight"])
            other = apply_stuck_bits(network, site, value=1 - bit).codes["0.weight"]
            assert torch.equal(other, apply_flips(network, site).codes["0.weight"])


def test_all_bits_stuck() -> None:
    network = mlp(8)
    everything = random_flips(network, bit_error_rate=1.0)
    assert all(not codes.any() for codes in apply_stuck_bits(network, everything, value=0).codes.values())
    assert all((codes == -1).all() for codes in apply_stuck_bits(network, everything, value=1).codes.values())
    with pytest.raises(LowlandError, match="value is 2; expected 0 or 1"):
        apply_stuck_bits(network, everything, value=2)
