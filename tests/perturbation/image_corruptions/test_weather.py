import pytest
import torch

from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted


def test_fog_keeps_the_range_and_hides_the_image():
    foggy = corrupted("fog", severity=5)
    assert foggy.max() <= IMAGES.max()
    assert foggy.diff(dim=3).abs().mean() < 0.6 * IMAGES.diff(dim=3).abs().mean()


@pytest.mark.parametrize("severity, kept, strength", [(1, 1.0, 0.2), (3, 0.9, 0.4), (5, 0.75, 0.45)])
def test_frost_is_ice_over_a_dimmer_image(severity, kept, strength):
    black = corrupted("frost", torch.zeros(8, 3, 32, 32), severity=severity)
    assert 0.9 * strength < float(black.max()) <= strength + 1e-6
    grey = corrupted("frost", torch.full((8, 3, 32, 32), 0.4), severity=severity)
    assert torch.allclose(grey - black, torch.tensor(0.4 * kept), atol=1e-6)
    assert torch.allclose(black[:, 0] / black[:, 2].clamp(min=1e-6), torch.tensor(0.85), atol=1e-3)


def test_frost_has_veins_and_differs_from_image_to_image():
    ice = corrupted("frost", torch.zeros(8, 1, 32, 32), severity=5)
    assert float(ice.std()) > 0.05 and float(ice.diff(dim=3).abs().mean()) > 0.02
    assert not torch.allclose(ice[0], ice[1], atol=0.05)


def test_snow_falls_steeply_and_whitens():
    still = torch.full((200, 1, 32, 32), 0.1)
    snowy = corrupted("snow", still, severity=4)
    assert (snowy >= still).all()
    down, across = (snowy.diff(dim=dim).abs().mean() for dim in (2, 3))
    assert across > 1.3 * down  # streaks are longer than wide
    assert torch.allclose(snowy, snowy.flip(2, 3), atol=1e-5)  # flakes are laid over themselves turned by 180 degrees


@pytest.mark.parametrize("severity, share", list(enumerate((0.04, 0.08, 0.12, 0.16, 0.24), 1)))
@pytest.mark.parametrize("side", [8, 32, 64])
def test_drops_cover_their_share_at_any_size(severity, share, side):
    hit = corrupted("spatter", torch.full((6000 // side, 1, side, side), 0.9), severity=severity) != 0.9
    assert float(hit.double().mean()) == pytest.approx(share, rel=0.15)


def test_what_drops_hit_once_they_hit_at_all_later_severities():
    before = torch.zeros_like(IMAGES[:, :1], dtype=torch.bool)
    for severity in range(1, 6):
        hit = (corrupted("spatter", 0.5 * IMAGES, severity=severity) != 0.5 * IMAGES).any(dim=1, keepdim=True)
        assert not (before & ~hit).any() and hit.sum() > before.sum()
        before = hit


def test_water_brightens_and_mud_is_brown():
    grey = torch.full((20, 3, 32, 32), 0.4)
    assert (corrupted("spatter", grey, severity=3) >= grey).all()
    muddy = corrupted("spatter", grey, severity=5).permute(0, 2, 3, 1).reshape(-1, 3)
    brown = torch.tensor([63 / 255, 42 / 255, 20 / 255])
    assert (muddy - brown).abs().amax(dim=1).min() < 1e-5
