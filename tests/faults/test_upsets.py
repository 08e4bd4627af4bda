from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.faults import Flips, adjacent_flips, apply_flips, random_upsets
from lowland.faults.bit_flips import stored_sizes
from tests.quantization.networks import integer_network

KEY = ("task", "upsets", 0)
mlp = cache(integer_network)


def by_word(flips: Flips) -> dict[tuple[str, int], list[int]]:
    """Flipped positions of each struck word, ascending."""
    found: dict[tuple[str, int], list[int]] = {}
    for name, (elements, positions) in flips.bits.items():
        for element, position in zip(elements.tolist(), positions.tolist(), strict=True):
            found.setdefault((name, element), []).append(position)
    return {word: sorted(positions) for word, positions in found.items()}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 3, 8, 16]), st.integers(2, 16), st.integers(0, 60), st.integers(0, 5))
def test_every_upset_is_a_run_of_bits_of_a_word_of_its_own(bits: int, length: int, count: int, draw: int) -> None:
    network = mlp(bits)
    length = min(length, bits)
    flips = random_upsets(network, length=length, count=count, targets=("weights",), key=(*KEY, draw))
    struck = by_word(flips)
    assert len(struck) == count and len(flips) == count * length
    for positions in struck.values():
        assert positions == list(range(positions[0], positions[0] + length))
        assert positions[0] >= 0 and positions[-1] < bits
    flipped = apply_flips(network, flips)
    changed = 0
    for name, codes in flipped.codes.items():
        difference = (codes.long() ^ network.codes[name].long()) & (2 ** network.bits[name] - 1)
        changed += sum(d.bit_count() for d in difference.flatten().tolist())
    assert changed == count * length
    again = apply_flips(flipped, flips)
    assert all(torch.equal(codes, network.codes[name]) for name, codes in again.codes.items())


def test_upsets_nest_in_count_and_rate_and_short_words_are_spared() -> None:
    network = mlp(4)
    sizes = stored_sizes(network, ("weights", "biases"))
    length = 5
    long_enough = sum(size for size, bits in sizes.values() if bits >= length)
    assert 0 < long_enough < sum(size for size, _ in sizes.values())
    counts = [by_word(random_upsets(network, length=length, count=n, key=KEY)) for n in (0, 1, 9, long_enough)]
    rates = [by_word(random_upsets(network, length=length, upset_rate=r, key=KEY)) for r in (0.0, 0.2, 0.7, 1.0)]
    for levels in (counts, rates):
        assert all(fewer.items() <= more.items() for fewer, more in pairwise(levels))
    assert rates[0] == {} and rates[-1] == counts[-1] and all(sizes[name][1] >= length for name, _ in counts[-1])


def test_every_place_in_a_word_is_struck_equally_often() -> None:
    network = mlp(8)
    draws, length = 60, 3
    seen = [0] * 6
    for draw in range(draws):
        flips = random_upsets(network, length=length, upset_rate=0.3, targets=("weights",), key=(*KEY, draw))
        for positions in by_word(flips).values():
            seen[positions[0]] += 1
    words = sum(codes.numel() for name, codes in network.codes.items() if name.endswith("weight"))
    expected = draws * 0.3 * words
    assert abs(sum(seen) - expected) < 4 * math.sqrt(expected * 0.7)
    assert all(abs(place - expected / 6) < 5 * math.sqrt(expected / 6) for place in seen)


def test_precisions_share_the_struck_words() -> None:
    coarse, fine = (
        by_word(random_upsets(mlp(bits), length=2, count=20, targets=("weights",), key=KEY)) for bits in (4, 8)
    )
    assert coarse.keys() == fine.keys()
    for word, positions in coarse.items():  # the same place from the top, as finely as words are cut
        above, finer = (3 - positions[1]) / 3, (7 - fine[word][1]) / 7
        assert abs(above - finer) < 1 / 3


def test_given_places_are_struck() -> None:
    network = mlp(4)
    places = Flips({"0.weight": (torch.tensor([3, 5]), torch.tensor([0, 2]))})
    flips = adjacent_flips(places, length=2)
    assert by_word(flips) == {("0.weight", 3): [0, 1], ("0.weight", 5): [2, 3]}
    flipped = apply_flips(network, flips).codes["0.weight"].long() ^ network.codes["0.weight"].long()
    assert (flipped.flatten() & 15)[[3, 5]].tolist() == [0b0011, 0b1100]
    with pytest.raises(LowlandError, match=r"flips reach beyond 0\.weight"):
        apply_flips(network, adjacent_flips(places, length=3))
    overlapping = Flips({"0.weight": (torch.tensor([3, 3]), torch.tensor([0, 1]))})
    with pytest.raises(LowlandError, match=r"flips name a bit of 0\.weight twice"):
        apply_flips(network, adjacent_flips(overlapping, length=2))


def test_scales_are_struck_too() -> None:
    flips = random_upsets(mlp(4), length=6, count=4, targets=("scales",), key=KEY)
    assert len(flips) == 24
    apply_flips(mlp(4), flips)


def test_impossible_upsets_are_refused() -> None:
    network = mlp(4)
    weights = {"targets": ("weights",), "key": KEY}
    for length in (1, 5):
        with pytest.raises(LowlandError, match=f"length is {length}; expected 2 to 4"):
            random_upsets(network, length=length, count=1, **weights)  # type: ignore[arg-type]  # wrong on purpose
    total = 12 * 6 + 8 * 12 + 4 * 8
    for count in (-1, total + 1):
        with pytest.raises(
            LowlandError, match=rf"count is {count}; expected 0 to {total}, the words of at least 3 bits"
        ):
            random_upsets(network, length=3, count=count, **weights)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(LowlandError, match=r"upset_rate is 2; expected 0 to 1"):
        random_upsets(network, length=3, upset_rate=2, **weights)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(LowlandError, match="expected exactly one"):
        random_upsets(network, length=3, **weights)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(LowlandError, match="length is 0; expected at least 1"):
        adjacent_flips(Flips({}), length=0)
