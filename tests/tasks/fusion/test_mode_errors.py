import math

import pytest
import torch

from lowland.tasks.fusion.mode_errors import Limits, mode_errors, sectors, spread, vector_errors

LIMITS = Limits(3.0, 30.0)


def modes(amplitudes, degrees):
    amplitude, phase = torch.tensor(amplitudes), torch.tensor(degrees).deg2rad()
    return torch.stack([amplitude * phase.sin(), amplitude * phase.cos()], dim=1)


def test_errors_of_amplitude_and_phase_are_signed_and_wrapped():
    true = modes([10.0, 10.0, 20.0], [170.0, -175.0, 0.0])
    found = modes([11.0, 9.0, 26.0], [-170.0, 175.0, 3.0])  # +20, -10 and +3 degrees
    rows = mode_errors(found, true, largest=50.0, limits=LIMITS)
    assert rows["amplitude_error"].value == pytest.approx(2.0, abs=1e-5)
    assert rows["phase_error"].value == pytest.approx(13 / 3, abs=1e-4)
    assert rows["phase_error"].standard_error == pytest.approx(rows["phase_error_spread"].value / 3**0.5, rel=1e-6)
    assert rows["amplitude_error_spread"].value == pytest.approx(torch.tensor([1.0, -1, 6]).std().item(), abs=1e-5)
    assert {estimate.num_samples for estimate in rows.values()} == {3}


def test_only_amplitudes_within_the_limits_count():
    true = modes([1.0, 3.5, 29.0, 40.0], [0.0] * 4)
    found = modes([9.0, 4.5, 30.0, 10.0], [90.0, 1.0, 1.0, 90.0])
    rows = mode_errors(found, true, largest=60.0, limits=LIMITS)
    assert rows["phase_error"].value == pytest.approx(1.0, abs=1e-4) and rows["phase_error"].num_samples == 2
    assert rows["amplitude_error"].value == pytest.approx(1.0, abs=1e-4)


def test_nothing_to_measure_is_undefined():
    rows = mode_errors(modes([1.0], [0.0]), modes([1.0], [0.0]), largest=60.0, limits=LIMITS)
    assert {estimate.status for estimate in rows.values()} == {"undefined"}


def test_what_is_no_number_is_worse_than_anything_finite():
    true = modes([10.0] * 5, [0.0] * 5)
    found = torch.tensor([[0.0, math.nan], [math.inf, 0.0], [0.0, -1e30], [0.0, 9.0], [3e38, 3e38]])
    errors = vector_errors(found, true, largest=50.0)
    assert errors[:3].tolist() == [60.0, 60.0, 60.0] and errors[3] == 1.0
    assert errors.isfinite().all() and errors.max() == 60.0
    rows = mode_errors(found[:2], true[:2], largest=50.0, limits=LIMITS)
    assert rows["phase_error"].value == 180.0 and rows["amplitude_error"].value == 40.0


def test_the_spread_has_the_standard_error_of_repeated_samples():
    source = torch.Generator().manual_seed(0)
    samples = torch.rand(2000, 400, generator=source) ** 2  # skewed: the normal formula would be wrong
    found = [spread(row) for row in samples]
    truth = float(samples.double().std(dim=1).std())
    assert sum(f.standard_error for f in found) / len(found) == pytest.approx(truth, rel=0.05)
    assert found[0].value == pytest.approx(float(samples[0].double().std()))
    normal = spread(torch.randn(100_000, generator=source))
    assert normal.standard_error == pytest.approx(1 / math.sqrt(200_000), rel=0.05)
    assert spread(torch.ones(5)).standard_error == 0.0


def test_sectors_go_once_round():
    found = sectors(modes([1.0] * 5, [0.5, 9.5, 10.5, -0.5, 359.5]), 10.0)
    assert found.tolist() == [0, 0, 1, 35, 35]
    assert sectors(torch.tensor([[-1e-30, 1.0], [math.nan, 0.0]]), 10.0).tolist() == [0, -1]
