from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.quantization.graph.rounding_steps import Quantize, Requantize, StraightThrough, fixed_point
from lowland.quantization.graph.step import INPUTS


def requantize(ratio: float, *, bits: int, accumulator_bits: int) -> Requantize:
    multiplier, shift = fixed_point(ratio, accumulator_bits=accumulator_bits)
    return Requantize("1", ("0",), bits=bits, signed=False, scale=torch.tensor(1.0), multiplier=multiplier, shift=shift)


@settings(deadline=None)
@given(st.floats(1e-9, 100.0), st.integers(4, 40))
def test_fixed_point_is_as_fine_as_its_multiplier(ratio: float, accumulator_bits: int) -> None:
    multiplier, shift = fixed_point(ratio, accumulator_bits=accumulator_bits)
    width = min(31, 62 - accumulator_bits)
    assert 0 <= int(multiplier) <= 2**width and int(shift) >= 1
    # Half a unit of the multiplier's last place, or of 2^-62 where the shift is at its end.
    assert abs(int(multiplier) / 2 ** int(shift) - ratio) <= max(ratio * 2.0 ** (1 - width), 2.0**-62)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-6, 0.9), st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=20))
def test_requantization_rounds_the_exact_product_half_to_even(ratio: float, accumulators: list[int]) -> None:
    step = requantize(ratio, bits=8, accumulator_bits=22)
    exact = Fraction(int(step.multiplier), 2 ** int(step.shift))
    expected = [min(max(round(a * exact), 0), 255) for a in accumulators]
    assert step.integer(torch.tensor(accumulators)).tolist() == expected


def test_ties_go_to_even() -> None:
    step = requantize(0.5, bits=8, accumulator_bits=22)
    assert step.integer(torch.tensor([1, 3, 5, 7, -1])).tolist() == [0, 2, 2, 4, 0]


def test_quantize_gives_the_codes_of_its_floats() -> None:
    step = Quantize("input", ("inputs",), bits=3, signed=True, scale=torch.tensor(0.5))
    values = torch.tensor([-9.0, -0.76, 0.0, 0.25, 0.75, 9.0])
    assert step.integer(values).tolist() == [-4, -2, 0, 0, 2, 3]
    assert torch.equal(step(values), step.integer(values) * 0.5)


def test_a_clamp_keeps_codes_inside_a_part_of_their_word() -> None:
    narrow = Quantize("input", ("inputs",), bits=3, signed=True, scale=torch.tensor(0.5), clamp=(-3, 3))
    values = torch.tensor([-9.0, -1.4, 0.3, 9.0])
    assert narrow.integer(values).tolist() == [-3, -3, 1, 3]
    assert torch.equal(narrow(values), narrow.integer(values) * 0.5)
    assert torch.equal(narrow.dequantized()(values), narrow(values))
    assert narrow.result_codes.lowest == -4 and narrow.result_codes.twos_complement  # a flipped bit can leave the range
    again = Quantize.empty("input", ("inputs",), **narrow.settings())
    assert again.settings() == narrow.settings() == {"bits": 3, "signed": True, "clamp": [-3, 3]}
    moved = Quantize("input", ("inputs",), bits=3, signed=False, scale=torch.tensor(0.5), lowest=-2, clamp=(-2, 4))
    assert moved.settings() == {"bits": 3, "signed": False, "lowest": -2, "clamp": [-2, 4]}
    assert moved.integer(values).tolist() == [-2, -2, 1, 4]
    whole = Quantize("input", ("inputs",), bits=3, signed=True, scale=torch.tensor(0.5), clamp=(-4, 3))
    assert whole.settings() == {"bits": 3, "signed": True}


def test_a_requantization_with_a_clamp_keeps_it_with_another_ratio() -> None:
    multiplier, shift = fixed_point(0.5, accumulator_bits=22)
    ratio = {"multiplier": multiplier, "shift": shift}
    step = Requantize("1", ("0",), bits=4, signed=True, scale=torch.tensor(1.0), clamp=(0, 5), **ratio)
    other = step.with_ratio(multiplier * 0 + 1, shift * 0 + 1)
    accumulators = torch.tensor([-9, 3, 100])
    assert step.integer(accumulators).tolist() == other.integer(accumulators).tolist() == [0, 2, 5]
    assert step.carried(accumulators.float()).tolist() == [0, 2, 5]


def test_a_clamp_outside_the_word_is_refused() -> None:
    with pytest.raises(LowlandError, match=r"clamp of step 'input' is \[-5, 3\]; expected a range within -4 to 3"):
        Quantize("input", ("inputs",), bits=3, signed=True, scale=torch.tensor(1.0), clamp=(-5, 3))


@pytest.mark.parametrize(("lowest", "highest"), [(-4, 3), (0, 7)])
def test_straight_through_has_slope_one_inside_and_zero_outside(lowest: int, highest: int) -> None:
    quantizer = StraightThrough(torch.tensor(0.5), lowest, highest, rectifies=lowest == 0)
    values = torch.tensor([-9.0, -0.3, 0.3, 1.2, 9.0], requires_grad=True)
    result = quantizer(values)
    assert torch.equal(result, (values / 0.5).round().clamp(lowest, highest) * 0.5)
    (slope,) = torch.autograd.grad(result.sum(), values)
    # Unsigned codes come with a rectifier: no slope below zero although -0.3 rounds to a code of the range.
    assert slope.tolist() == ([0, 1, 1, 1, 0] if lowest < 0 else [0, 0, 1, 1, 0])


def test_rounding_noise_does_not_open_a_rectifier() -> None:
    values = torch.tensor([0.0, 1e-9, -1e-9, 0.3], requires_grad=True)
    StraightThrough(torch.tensor(0.5), lowest=0, highest=3, rectifies=True)(values).sum().backward()
    assert values.grad is not None and values.grad.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_a_rectifier_behind_floats_is_closed_below_zero() -> None:
    slopes = []
    for source in (INPUTS, "norm"):
        step = Quantize("relu", (source,), bits=3, signed=False, scale=torch.tensor(0.5))
        values = torch.tensor([-0.2, 0.2], requires_grad=True)
        (slope,) = torch.autograd.grad(step.dequantized()(values).sum(), values)
        slopes.append(slope.tolist())
    assert slopes == [[1.0, 1.0], [0.0, 1.0]]
