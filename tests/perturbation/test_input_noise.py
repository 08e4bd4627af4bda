import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.perturbation import FeatureRanges, draw, gaussian, salt_and_pepper, uniform

TRAINING = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.1])
RANGES = FeatureRanges.of(TRAINING)
INPUTS = TRAINING[:400]
DRAW = draw(INPUTS.shape, key=("toy", 0))


def test_gaussian_noise_has_the_stated_share_of_each_features_spread():
    noise = gaussian(INPUTS, RANGES, DRAW, level=20) - INPUTS
    assert noise.std(dim=0) / RANGES.deviation == pytest.approx([0.2] * 3, rel=0.1)


def test_levels_of_one_draw_scale_the_same_noise():
    weak, strong = (gaussian(INPUTS, RANGES, DRAW, level=level) - INPUTS for level in (5, 50))
    assert torch.allclose(10 * weak, strong, atol=1e-5)


def test_uniform_noise_is_as_strong_as_gaussian_and_bounded():
    noise = uniform(INPUTS, RANGES, DRAW, level=20) - INPUTS
    assert noise.std(dim=0) / RANGES.deviation == pytest.approx([0.2] * 3, rel=0.1)
    assert noise.mean(dim=0) / RANGES.deviation == pytest.approx([0.0] * 3, abs=0.03)
    largest = noise.abs().amax(dim=0) / RANGES.deviation
    assert largest == pytest.approx([0.2 * 3**0.5] * 3, rel=0.02)
    assert (largest <= 0.2 * 3**0.5 * (1 + 1e-4)).all()


def test_ranges_pool_what_does_not_tell_sensors_apart():
    series = torch.stack([TRAINING[:100].T, 3 * TRAINING[100:200].T], dim=0).permute(2, 1, 0)  # [100, 3, 2]
    each, pooled = FeatureRanges.of(series), FeatureRanges.of(series, sensor_dims=(1,))
    assert each.deviation.shape == (3, 2) and pooled.deviation.shape == (3, 1)
    flat = FeatureRanges.of(series.transpose(1, 2).reshape(-1, 3))
    for some, other in zip(pooled[:4], flat[:4], strict=True):
        assert torch.allclose(some.squeeze(1), other, atol=1e-5)
    assert torch.allclose(RANGES.mean, TRAINING.mean(dim=0), atol=1e-6)


def test_salt_and_pepper_hits_the_stated_share_half_and_half():
    noisy = salt_and_pepper(INPUTS, RANGES, DRAW, level=30)
    high, low = (noisy == RANGES.maximum).float().mean(), (noisy == RANGES.minimum).float().mean()
    assert float(high + low) == pytest.approx(0.30, abs=0.04)
    assert float(high) == pytest.approx(0.15, abs=0.03)
    untouched = (noisy != RANGES.maximum) & (noisy != RANGES.minimum)
    assert torch.equal(noisy[untouched], INPUTS[untouched])


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 100), st.floats(0, 100))
def test_salt_and_pepper_sets_nest(first, second):
    low, high = sorted((first, second))
    hit = [salt_and_pepper(INPUTS, RANGES, DRAW, level=level) != INPUTS for level in (low, high)]
    assert not (hit[0] & ~hit[1]).any()


@pytest.mark.parametrize("noise", [gaussian, uniform, salt_and_pepper])
def test_level_zero_changes_nothing_and_draws_are_keyed(noise):
    assert torch.equal(noise(INPUTS, RANGES, DRAW, level=0), INPUTS)
    again, other = draw(INPUTS.shape, key=("toy", 0)), draw(INPUTS.shape, key=("toy", 1))
    assert torch.equal(noise(INPUTS, RANGES, again, level=30), noise(INPUTS, RANGES, DRAW, level=30))
    assert not torch.equal(noise(INPUTS, RANGES, other, level=30), noise(INPUTS, RANGES, DRAW, level=30))


def test_levels_out_of_range_are_refused():
    with pytest.raises(LowlandError, match="noise level is -1; expected per cent, at least 0"):
        gaussian(INPUTS, RANGES, DRAW, level=-1)
    with pytest.raises(LowlandError, match="noise level is nan"):
        uniform(INPUTS, RANGES, DRAW, level=float("nan"))
    with pytest.raises(LowlandError, match="salt_and_pepper level is 101"):
        salt_and_pepper(INPUTS, RANGES, DRAW, level=101)


def test_units_extremes_and_limits_of_a_sensor_replace_what_training_says():
    counts = FeatureRanges.of(TRAINING.abs(), unit=1.0, extremes=(0.0, 1.0), limits=(0.0, math.inf))
    rows = TRAINING[:500].abs()
    drawn = draw(rows.shape, key=("sensor",))
    noisy = gaussian(rows, counts, drawn, level=20)
    assert torch.equal(noisy, (rows + 0.2 * drawn.normal).clamp(min=0)) and (noisy == 0).any()
    assert (uniform(rows, counts, drawn, level=50) >= 0).all()
    broken = salt_and_pepper(rows, counts, drawn, level=100)
    assert set(broken.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(counts.maximum, TRAINING.abs().amax(0)) and (counts.maximum > 1).any()


def test_ranges_move_with_their_limits():
    ranges = FeatureRanges.of(torch.rand(5, 3), limits=(0.0, 1.0), extremes=(0.0, 2.0))
    moved = ranges.to(torch.device("meta"))
    assert moved.limits == (0.0, 1.0) and moved.extremes == (0.0, 2.0)
    assert {part.device.type for part in moved[:4]} == {"meta"}
    assert all(torch.equal(a, b) for a, b in zip(ranges.to(torch.device("cpu"))[:4], ranges[:4], strict=True))
