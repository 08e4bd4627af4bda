import math

import pytest
import torch

from lowland.estimate import Estimate


def test_mean_and_standard_error_of_samples():
    samples = torch.tensor([1.0, 2.0, 3.0, 6.0])
    estimate = Estimate.from_samples(samples)
    assert estimate.value == 3.0
    assert estimate.standard_error == pytest.approx(math.sqrt(14 / 3) / 2)
    assert estimate.num_samples == 4 and estimate.status == "ok"


def test_one_sample_has_no_spread():
    alone = Estimate.from_samples(torch.tensor([2.5]))
    assert (alone.value, alone.num_samples, alone.status) == (2.5, 1, "undefined") and math.isnan(alone.standard_error)
    assert Estimate.from_samples(torch.tensor([math.nan])).status == "non_finite"


@pytest.mark.parametrize("value, error", [(math.nan, 0.0), (math.inf, 0.0), (1.0, math.nan)])
def test_non_finite_numbers_are_never_ok(value, error):
    assert Estimate(value, error).status == "non_finite"
    assert Estimate(value, error, status="undefined").status == "undefined"


def test_missing_estimate_holds_no_number():
    missing = Estimate.missing("failed")
    assert math.isnan(missing.value) and missing.num_samples == 0 and missing.status == "failed"


@pytest.mark.parametrize("exponent", [-700, 700])
def test_samples_whose_squares_float64_cannot_hold_have_a_mean_and_an_error(exponent):
    samples = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    plain, scaled = Estimate.from_samples(samples), Estimate.from_samples(samples * 2.0**exponent)
    assert (scaled.value, scaled.standard_error) == (plain.value * 2.0**exponent, plain.standard_error * 2.0**exponent)
    assert scaled.status == "ok"
