from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lowland.quantization.calibration.zero_points import range_of_least_error, range_of_percentiles
from lowland.quantization.fake_quantized.grid import Grid, on_grid


def draw(low: float, high: float, *, seed: int = 0) -> Tensor:
    return low + (high - low) * torch.rand(2000, generator=torch.Generator().manual_seed(seed))


def rounded(values: Tensor, bits: int, zero_point: int, threshold: float) -> Tensor:
    lowest, highest = -zero_point, 2**bits - 1 - zero_point
    return on_grid(values, Grid(torch.tensor(threshold / max(-lowest, highest)), lowest, highest))


def error(values: Tensor, bits: int, zero_point: int, threshold: float) -> float:
    return float((rounded(values, bits, zero_point, threshold) - values).square().mean())


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("powers", [False, True])
@pytest.mark.parametrize("ends", [(-0.3, 2.0), (-5.0, 1.0), (-1.0, 1.0), (0.5, 3.0), (-4.0, -1.0), (-1e-12, 3e-12)])
def test_nothing_is_clipped_and_zero_is_a_code(bits: int, powers: bool, ends: tuple[float, float]) -> None:
    values = draw(*ends)
    zero_point, threshold = range_of_percentiles(values, bits, percentile=100, powers=powers)
    lowest, highest = -zero_point, 2**bits - 1 - zero_point
    scale = threshold / max(-lowest, highest)
    assert lowest <= 0 <= highest
    assert (lowest - 0.501) * scale <= float(values.min()) and float(values.max()) <= (highest + 0.501) * scale
    spread = max(float(values.max()), 0.0) - min(float(values.min()), 0.0)
    assert scale <= spread / (2**bits - 1) * (2 if powers else 1)
    assert not powers or torch.frexp(torch.tensor(scale)).mantissa == 0.5


@pytest.mark.parametrize("bits", [2, 4, 6])
@pytest.mark.parametrize("powers", [False, True])
def test_the_least_error_is_near_that_of_all_ranges_there_are(bits: int, powers: bool) -> None:
    """Every zero point, with many step sizes."""
    values = torch.cat([draw(-0.4, 2.0), torch.tensor([-3.0, 4.0])])
    found = error(values, bits, *range_of_least_error(values, bits, powers=powers))
    steps = 2.0 ** torch.arange(-8.0, 3.0) if powers else torch.linspace(0.01, 2.4, 240) / 2 ** (bits - 2)
    best = min(
        error(values, bits, zero_point, float(step) * max(zero_point, 2**bits - 1 - zero_point))
        for zero_point in range(2**bits)
        for step in steps
    )
    assert found <= (1.0001 if powers else 1.05) * best


def test_outliers_are_clipped_where_that_pays() -> None:
    values = torch.cat([draw(-0.5, 1.0), torch.tensor([-3.0])])
    assert range_of_least_error(values, 4, powers=False).threshold < 1.5
    clipped = range_of_percentiles(values, 4, percentile=99.0, powers=False)
    assert clipped.threshold < 1.1 and clipped.zero_point in (4, 5)
    kept = range_of_percentiles(values, 4, percentile=100, powers=False)
    assert kept.zero_point == 11 and kept.threshold > 2.9


@pytest.mark.parametrize("unit", [2.0**-60, 2.0**60])
@pytest.mark.parametrize("powers", [False, True])
def test_the_unit_of_the_data_changes_nothing(unit: float, powers: bool) -> None:
    values = draw(-0.3, 2.0)
    for way in (
        lambda data: range_of_least_error(data, 5, powers=powers),
        lambda data: range_of_percentiles(data, 5, percentile=99.0, powers=powers),
    ):
        here, there = way(values), way(values * unit)
        assert here.zero_point == there.zero_point and here.threshold * unit == pytest.approx(there.threshold, rel=1e-6)


@pytest.mark.parametrize("powers", [False, True])
def test_values_that_are_all_zero_have_a_range(powers: bool) -> None:
    for zero_point, threshold in (
        range_of_least_error(torch.zeros(5), 4, powers=powers),
        range_of_percentiles(torch.zeros(5), 4, percentile=100, powers=powers),
        range_of_percentiles(torch.cat([torch.zeros(999), torch.ones(1)]), 4, percentile=99.0, powers=powers),
    ):
        assert 0 <= zero_point <= 15 and threshold > 0


def test_values_above_zero_have_no_codes_below_it() -> None:
    assert range_of_percentiles(draw(0.5, 3.0), 4, percentile=100, powers=False).zero_point == 0
    assert range_of_least_error(draw(0.5, 3.0), 4, powers=False).zero_point == 0
    assert range_of_least_error(draw(-3.0, -0.5), 4, powers=False).zero_point == 15
