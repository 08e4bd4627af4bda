import pytest
import torch

from tests.perturbation.image_corruptions.pictures import corrupted


def test_shot_noise_has_the_spread_of_its_photons():
    grey = torch.full((1, 1, 200, 200), 0.4)
    noisy = corrupted("shot_noise", grey, severity=5)
    assert float(noisy.mean()) == pytest.approx(0.4, rel=0.01)
    assert float(noisy.var()) == pytest.approx(0.4 / 50, rel=0.05)


def test_impulses_are_black_or_white_and_nest():
    grey = torch.full((1, 1, 200, 200), 0.4)
    hit = [corrupted("impulse_noise", grey, severity=severity) for severity in (2, 5)]
    assert [float((h != grey).double().mean()) for h in hit] == pytest.approx([0.02, 0.07], rel=0.15)
    assert float((hit[1] == 1).double().mean()) == pytest.approx(0.035, rel=0.15)
    assert torch.equal(hit[1][hit[0] != grey], hit[0][hit[0] != grey])


@pytest.mark.parametrize("severity, deviation", list(enumerate((0.04, 0.06, 0.08, 0.09, 0.10), 1)))
def test_gaussian_noise_has_its_spread_whatever_the_brightness(severity, deviation):
    for brightness in (0.5, 0.6):
        noisy = corrupted("gaussian_noise", torch.full((1, 1, 200, 200), brightness), severity=severity)
        assert float(noisy.mean()) == pytest.approx(brightness, abs=2e-3)
        assert float(noisy.std()) == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("severity, deviation", list(enumerate((0.06, 0.10, 0.12, 0.16, 0.20), 1)))
def test_speckles_grow_with_the_brightness(severity, deviation):
    for brightness in (0.2, 0.5):
        noisy = corrupted("speckle_noise", torch.full((1, 1, 200, 200), brightness), severity=severity)
        assert float(noisy.std()) == pytest.approx(deviation * brightness, rel=0.02)
    assert not corrupted("speckle_noise", torch.zeros(1, 1, 20, 20), severity=severity).any()
