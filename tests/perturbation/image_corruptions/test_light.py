import colorsys

import pytest
import torch

from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted


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


def test_saturation_is_that_of_the_hsv_cone():
    strengths = ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))
    for severity, (factor, offset) in enumerate(strengths, 1):
        result = corrupted("saturate", severity=severity)
        for pixel, changed in zip(IMAGES[0, :, 3].T.tolist(), result[0, :, 3].T.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
            expected = colorsys.hsv_to_rgb(hue, min(1, factor * saturation + offset), value)
            assert changed == pytest.approx(expected, abs=2e-6)


def test_colours_fade_and_then_become_garish():
    spreads = [float((c.amax(1) - c.amin(1)).mean()) for c in (corrupted("saturate", severity=s) for s in range(1, 6))]
    clean = float((IMAGES.amax(1) - IMAGES.amin(1)).mean())
    assert spreads[1] < spreads[0] < clean < spreads[2] < spreads[3] < spreads[4]


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_stays_grey(channels):
    grey = IMAGES[:, :1].expand(-1, channels, -1, -1)
    assert torch.equal(corrupted("saturate", grey, severity=5), grey)
