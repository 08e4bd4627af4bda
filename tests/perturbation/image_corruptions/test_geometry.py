import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from lowland.perturbation.image_corruptions.geometry import _skewed
from lowland.perturbation.image_filters import pixel_places
from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted


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


def affine(image, inverse):
    """SciPy's affine map of one plane about its centre; rows of the matrix are to the right, then down."""
    matrix = np.array(inverse)[::-1, ::-1]  # SciPy counts down first
    centre = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(image, matrix, offset=centre - matrix @ centre, order=1, mode="nearest")


@pytest.mark.parametrize("severity, angle", list(enumerate((0.2, 0.4, 0.6, 0.8, 1.0), 1)))
def test_shear_is_an_affine_map_either_way(severity, angle):
    images = IMAGES.double()
    sheared = corrupted("shear", images, severity=severity).numpy()
    ways = []
    for image, result in zip(images.numpy(), sheared, strict=True):
        truths = [affine(image[1], [[1, -math.sin(a)], [0, math.cos(a)]]) for a in (angle, -angle)]
        ways += [number for number, truth in enumerate(truths) if np.allclose(result[1], truth, atol=1e-9)]
    assert len(ways) == len(images) and set(ways) == {0, 1}


@pytest.mark.parametrize("severity, share", list(enumerate((0.9, 0.8, 0.7, 0.6, 0.5), 1)))
def test_scale_is_an_affine_map(severity, share):
    images = IMAGES.double()
    smaller = corrupted("scale", images, severity=severity).numpy()
    for image, result in zip(images.numpy(), smaller, strict=True):
        assert np.allclose(result[0], affine(image[0], [[1 / share, 0], [0, 1 / share]]), atol=1e-9)


def test_a_skew_moves_three_corners_where_it_should():
    moves = torch.tensor([[[1.0, -2.0], [0.5, 0.0], [-1.0, 1.5]]], dtype=torch.float64)
    corners = torch.tensor([[5.0, 5.0], [5.0, -5.0], [-5.0, -5.0]], dtype=torch.float64)
    shown = (corners + moves[0]).T.reshape(1, 2, 3, 1)  # where the corners are to be seen
    assert torch.allclose(_skewed(shown, moves, reach=5).reshape(2, 3).T, corners)


def test_a_skew_that_moves_nothing_leaves_every_pixel():
    places = pixel_places(IMAGES)
    assert torch.allclose(_skewed(places, torch.zeros(1, 3, 2, dtype=torch.float64), reach=10), places)


def test_elastic_ripples_become_finer_while_the_skew_becomes_less():
    steps = torch.linspace(0, 1, 64, dtype=torch.float64)
    ramp = steps.expand(40, 1, 64, 64)
    shown = [corrupted("elastic_transform", ramp, severity=s)[:, :, 16:-16, 16:-16] for s in range(1, 6)]
    bends = [float(image.diff(n=2, dim=3).abs().mean()) for image in shown]
    assert bends[0] < 1e-9 and bends == sorted(bends)  # a skew alone leaves a ramp straight
    mean_shift = [float((image - ramp[:, :, 16:-16, 16:-16]).mean(dim=(1, 2, 3)).std()) for image in shown]
    assert mean_shift[4] < mean_shift[0]
