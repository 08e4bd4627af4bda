"""A draw that has only the flips below a rate has the distribution of one with a number for every bit."""

from collections import Counter

import pytest
import torch
from scipy import stats

from lowland.errors import LowlandError
from lowland.faults.flip_sets import draw_bits, draw_rare_bits

TENSORS = {"weight": (5, 4), "bias": (3, 6)}
BITS = {
    (name, element, bit) for name, (size, bits) in TENSORS.items() for element in range(size) for bit in range(bits)
}


def sites(flips):
    return {
        (name, element, bit)
        for name, pair in flips.bits.items()
        for element, bit in zip(*(each.tolist() for each in pair), strict=True)
    }


@pytest.mark.parametrize(
    "below",
    [lambda key: draw_rare_bits(TENSORS, key, rate=0.3).below(0.2), lambda key: draw_bits(TENSORS, key).below(0.2)],
)
def test_every_bit_flips_on_its_own_with_the_rate(below):
    draws = 1500
    found = [sites(below(("each", number))) for number in range(draws)]
    counts = Counter(site for each in found for site in each)
    assert set(counts) == BITS
    expected = [0.2 * draws, 0.8 * draws]
    statistic = sum((counts[site] - expected[0]) ** 2 / (expected[0] * 0.8) for site in BITS)
    assert stats.chi2.sf(statistic, len(BITS)) > 1e-3
    sizes = torch.tensor([len(each) for each in found], dtype=torch.float64)
    assert float(sizes.var()) == pytest.approx(len(BITS) * 0.2 * 0.8, rel=0.1)  # of a binomial: bits are independent


def test_flips_nest_in_the_rate_and_a_key_gives_the_same_ones():
    draw = draw_rare_bits(TENSORS, ("nested", 1), rate=1.0)
    low, high = sites(draw.below(0.3)), sites(draw.below(0.6))
    assert low < high
    assert sites(draw.below(1.0)) == BITS
    assert sites(draw_rare_bits(TENSORS, ("nested", 1), rate=1.0).below(0.3)) == low
    assert not sites(draw_rare_bits(TENSORS, ("none",), rate=0.0).below(0.0))


def test_a_rate_that_is_no_probability_is_refused():
    with pytest.raises(LowlandError, match=r"rate is 1\.5; expected 0 to 1"):
        draw_rare_bits(TENSORS, ("wrong",), rate=1.5)
