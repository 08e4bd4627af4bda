import io

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from lowland.perturbation.image_corruptions.jpeg import _LUMINANCE, through_jpeg
from tests.perturbation.image_corruptions.pictures import textures


@pytest.mark.parametrize("quality", [40, 50, 80, 97])
@pytest.mark.parametrize("channels, shape, tolerance", [(1, (32, 32), 1.0), (1, (28, 21), 1.0), (3, (32, 32), 6.0)])
def test_it_is_that_of_the_common_library(quality, channels, shape, tolerance):
    pictures = pytest.importorskip("PIL.Image")
    images = textures(rows=6, channels=channels, height=shape[0], width=shape[1])
    for image, ours in zip(images, through_jpeg(images, quality=quality), strict=True):
        levels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy().squeeze()
        stream = io.BytesIO()
        pictures.fromarray(levels).save(stream, "JPEG", quality=quality)
        theirs = np.asarray(pictures.open(stream)).astype(np.float64).reshape(*shape, channels)
        apart = np.abs(theirs - ours.permute(1, 2, 0).numpy() * 255)
        assert apart.max() <= tolerance and apart.mean() < 0.25 * tolerance


def test_grey_blocks_are_rounded_cosines():
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    levels = (image[0, 0] * 255).round().numpy() - 128
    steps = _LUMINANCE.numpy()  # quality 50
    expected = idctn(np.round(dctn(levels, norm="ortho") / steps) * steps, norm="ortho").round() + 128
    assert np.array_equal(through_jpeg(image, quality=50)[0, 0].numpy() * 255, expected.clip(0, 255))


def test_an_even_image_keeps_its_brightness_in_the_best_quality():
    grey = torch.full((1, 1, 13, 5), 100 / 255)
    assert torch.equal(through_jpeg(grey, quality=100), grey)


def test_channels_that_are_no_colours_are_stored_one_by_one():
    images = textures(channels=2, height=24, width=24)
    alone = [through_jpeg(images[:, channel : channel + 1], quality=60) for channel in range(2)]
    assert torch.equal(through_jpeg(images, quality=60), torch.cat(alone, dim=1))
