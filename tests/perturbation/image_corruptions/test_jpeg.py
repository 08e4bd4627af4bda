import io

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from lowland.perturbation.image_corruptions.jpeg import _LUMINANCE, through_jpeg
from tests.perturbation.image_corruptions.pictures import textures


@pytest.mark.parametrize("quality", [40, 50, 80])
@pytest.mark.parametrize("shape", [(32, 32), (28, 21)])
@pytest.mark.parametrize("channels, mean, close", [(1, 0.25, 0.93), (3, 1.5, 0.65)])
def test_it_is_that_of_the_common_library(quality, shape, channels, mean, close):
    pictures = pytest.importorskip("PIL.Image")
    images = textures(rows=20, channels=channels, height=shape[0], width=shape[1])
    levels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    ours = through_jpeg(images, quality=quality).permute(0, 2, 3, 1).numpy() * 255
    apart, lost = [], []
    for image, result in zip(levels, ours, strict=True):
        stream = io.BytesIO()
        pictures.fromarray(image.squeeze()).save(stream, "JPEG", quality=quality)
        theirs = np.asarray(pictures.open(stream)).astype(np.float64).reshape(image.shape)
        apart.append(np.abs(theirs - result))
        lost.append(np.abs(theirs - image))
    # Its transform is of integers: a frequency half way between two steps may go to the other one.
    assert np.mean(apart) < min(mean, 0.15 * np.mean(lost)) and np.mean(np.array(apart) < 1.5) > close


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
