import pytest
import torch
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.perturbation import IMAGE_CORRUPTIONS, ImageCorruptionOptions, corrupt
from lowland.perturbation.image_filters import filtered, gaussian_kernel
from lowland.randomness import generator
from lowland.vocabulary.conditions import CONDITIONS

KINDS = sorted(IMAGE_CORRUPTIONS)


def textures(rows=8, channels=3, height=32, width=32):
    """Soft random images with structure on the scale of a few pixels, from 0 to 1."""
    noise = torch.rand(rows, channels, height, width, generator=torch.Generator().manual_seed(0))
    soft = filtered(noise, gaussian_kernel(1.2))
    soft = soft - soft.amin(dim=(1, 2, 3), keepdim=True)
    return soft / soft.amax(dim=(1, 2, 3), keepdim=True)


IMAGES = textures()


def corrupted(kind, images=IMAGES, *, severity=3, key=("toy", 0), **options):
    return corrupt(images, kind, severity=severity, generator=generator(*key), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 1, 28, 28), (3, 2, 8, 13), (2, 1, 1, 5)])
def test_images_keep_their_shape_type_and_range(kind, shape):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    before = images.clone()
    for severity in (1, 5):
        result = corrupted(kind, images, severity=severity)
        assert result.shape == images.shape and result.dtype == images.dtype
        assert result.isfinite().all() and result.min() >= 0 and result.max() <= 1
    assert torch.equal(images, before)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_keyed(kind):
    first, again, other = (corrupted(kind, key=("toy", number)) for number in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) != CONDITIONS[kind].random


@pytest.mark.parametrize("kind", KINDS)
def test_every_severity_takes_the_image_further_away(kind):
    away = [float((corrupted(kind, severity=severity) - IMAGES).square().mean()) for severity in range(1, 6)]
    assert away[0] > 0
    assert away == sorted(away)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"shot_noise"}))
def test_the_range_is_only_a_unit(kind):
    signed = corrupted(kind, 2 * IMAGES - 1, value_range=(-1.0, 1.0))
    assert torch.allclose(signed, 2 * corrupted(kind) - 1, atol=2e-6)


def test_blur_keeps_its_share_of_larger_images():
    large = textures(height=64, width=80)
    expected = filtered(large, gaussian_kernel(2.0))
    assert torch.allclose(corrupted("gaussian_blur", large, severity=5), expected.clamp(0, 1), atol=1e-6)


def test_contrast_keeps_the_mean_of_every_channel():
    result = corrupted("contrast", severity=5)
    assert torch.allclose(result.mean(dim=(2, 3)), IMAGES.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(result.std(dim=(2, 3)), 0.15 * IMAGES.std(dim=(2, 3)), atol=1e-5)


def test_brightness_keeps_the_hue():
    dim = 0.5 * IMAGES
    result = corrupted("brightness", dim, severity=4)
    assert torch.allclose(result.amax(dim=1), dim.amax(dim=1) + 0.2, atol=1e-6)
    shares = [image / image.amax(dim=1, keepdim=True) for image in (dim, result)]
    lit = (dim.amax(dim=1, keepdim=True) > 0.01).expand_as(dim)
    assert torch.allclose(shares[0][lit], shares[1][lit], atol=1e-4)
    assert torch.allclose(corrupted("brightness", torch.zeros(1, 1, 4, 4), severity=5), torch.tensor(0.3))


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


def test_fog_keeps_the_range_and_hides_the_image():
    foggy = corrupted("fog", severity=5)
    assert foggy.max() <= IMAGES.max()
    assert foggy.diff(dim=3).abs().mean() < 0.6 * IMAGES.diff(dim=3).abs().mean()


def test_pixels_become_larger():
    coarse = corrupted("pixelate", severity=5)
    assert max(len(row.unique()) for row in coarse[:, 0].flatten(0, 1)) <= 20  # 65 % of 32 pixels


def test_rotations_go_both_ways_about_the_centre():
    wheel = torch.zeros(40, 1, 31, 31)
    wheel[:, :, 15, 15:] = 1
    turned = corrupted("rotation", wheel, severity=5)
    assert torch.allclose(turned[:, 0, 15, 15], torch.ones(40), atol=1e-5)
    up = turned[:, 0, 3:15].sum(dim=(1, 2)) > turned[:, 0, 16:28].sum(dim=(1, 2))
    assert 0 < int(up.sum()) < 40


def test_translations_have_the_stated_length():
    size = 50
    steps = torch.arange(size, dtype=torch.float64) / (size - 1)
    across = steps.expand(20, 1, size, size)
    right = across - corrupted("translation", across, severity=4)
    down = across.mT - corrupted("translation", across.mT.contiguous(), severity=4)
    length = ((right**2 + down**2) ** 0.5)[:, 0, 15:-15, 15:-15] * (size - 1)
    assert torch.allclose(length, torch.full_like(length, 0.12 * size), atol=1e-4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: corrupted("fog", torch.rand(5, 16)), r"corruption 'fog' asked of inputs of shape \[5, 16\]"),
        (lambda: corrupted("fog", torch.zeros(5, 1, 4, 4, dtype=torch.uint8)), "expected floating-point images"),
        (lambda: corrupted("snow"), "corruption is 'snow'; expected one of gaussian_blur"),
        (lambda: corrupted("fog", severity=6), "severity is 6; expected a whole number from 1 to 5"),
        (lambda: corrupted("fog", severity=2.5), "severity is 2.5"),
        (lambda: corrupted("fog", value_range=(1.0, 0.0)), "expected black, then white"),
        (
            lambda: corrupted("fog", 3 * IMAGES),
            r"images range from 0 to 3; expected them within value_range \(0.0, 1.0\)",
        ),
        (lambda: corrupted("fog", IMAGES * float("nan")), "images range from nan"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(LowlandError, match=message):
        call()


def test_options_cover_every_corruption_and_name_nothing_twice():
    assert set(ImageCorruptionOptions(kinds=tuple(IMAGE_CORRUPTIONS), severities=(1,), draws=2).kinds) == set(
        IMAGE_CORRUPTIONS
    )
    assert ImageCorruptionOptions.model_validate("none").kinds == ()
    with pytest.raises(ValidationError, match="severities names an entry twice"):
        ImageCorruptionOptions(kinds=("fog",), severities=(1, 1), draws=2)
