import pytest
import torch
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.perturbation import IMAGE_CORRUPTIONS, ImageCorruptionOptions
from lowland.vocabulary.conditions import CONDITIONS
from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted

KINDS = sorted(IMAGE_CORRUPTIONS)
# Published strengths that are in no order of distance: what rises with theirs is tested beside each of them.
UNORDERED = {"glass_blur", "frost", "saturate", "elastic_transform"}


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
    assert min(away) > 0
    assert (away == sorted(away)) != (kind in UNORDERED)


@pytest.mark.parametrize("kind", KINDS)
def test_the_range_is_only_a_unit(kind):
    images = (IMAGES * 1024).round() / 1024  # so that changing the unit and back rounds nothing
    signed = corrupted(kind, 2 * images - 1, value_range=(-1.0, 1.0))
    assert torch.allclose(signed, 2 * corrupted(kind, images) - 1, atol=2e-6)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not CONDITIONS[kind].random])
def test_without_chance_an_image_does_not_depend_on_the_others(kind):
    assert torch.allclose(corrupted(kind)[:3], corrupted(kind, IMAGES[:3]), atol=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: corrupted("fog", torch.rand(5, 16)), r"corruption 'fog' asked of inputs of shape \[5, 16\]"),
        (lambda: corrupted("fog", torch.zeros(5, 1, 4, 4, dtype=torch.uint8)), "expected floating-point images"),
        (lambda: corrupted("hail"), "corruption is 'hail'; expected one of gaussian_blur"),
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
