import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from lowland.perturbation.image_filters import (
    clouds,
    disk_kernel,
    filtered,
    gaussian_kernel,
    grey,
    motion_kernels,
    pixel_places,
    resampled,
    shrunken,
    smoothed,
    smoothing,
    warped,
)
from lowland.randomness import generator

IMAGES = torch.rand(3, 2, 12, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("deviation", [0.4, 1.0, 2.3])
def test_gaussian_filters_are_scipys(deviation):
    truth = ndimage.gaussian_filter(IMAGES.numpy(), (0, 0, deviation, deviation), mode="nearest")
    assert np.allclose(filtered(IMAGES, gaussian_kernel(deviation)).numpy(), truth, atol=1e-12)


def test_every_image_may_have_its_own_kernel():
    kernels = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = filtered(IMAGES, kernels)
    for image, kernel, result in zip(IMAGES, kernels, together, strict=True):
        assert torch.allclose(filtered(image[None], kernel[None])[0], result)
        truth = ndimage.correlate(image[0].numpy(), kernel.numpy(), mode="nearest")
        assert np.allclose(result[0].numpy(), truth)


@pytest.mark.parametrize(
    "kernels",
    [
        gaussian_kernel(1.3),
        disk_kernel(1.5, smoothing=0.1),
        disk_kernel(4.2, smoothing=0.5),
        motion_kernels(torch.tensor([0.0, 0.3, -0.7]), length=6, deviation=2.0),
    ],
)
def test_kernels_are_weights_of_odd_size(kernels):
    assert kernels.shape[1] == kernels.shape[2] and kernels.shape[1] % 2 == 1
    assert (kernels >= 0).all()
    assert torch.allclose(kernels.sum(dim=(1, 2)), torch.ones(len(kernels), dtype=torch.float64))


def test_a_hardly_softened_disk_is_a_disk():
    kernel = disk_kernel(2.0, smoothing=0.05)[0]
    assert int((kernel > 1e-6).sum()) == 13  # grid points within two pixels of the centre
    assert kernel[kernel > 1e-6].tolist() == pytest.approx([1 / 13] * 13)


def test_motion_streaks_point_where_they_should():
    across, down = motion_kernels(torch.tensor([0.0, math.pi / 2]), length=4, deviation=2.0)
    expected = torch.exp(-0.5 * (torch.arange(5, dtype=torch.float64) / 2) ** 2)
    assert torch.allclose(across[4, 4:], expected / expected.sum())
    assert torch.allclose(down[4:, 4], expected / expected.sum(), atol=1e-6)
    assert float(across[4].sum()) == pytest.approx(1)


@pytest.mark.parametrize("degrees", [-30, 10, 90])
def test_rotations_are_scipys(degrees):
    angles = torch.full((3,), math.radians(degrees), dtype=torch.float64)
    turned = warped(IMAGES, angles=angles, shifts=torch.zeros(3, 2))
    truth = ndimage.rotate(IMAGES.numpy(), degrees, axes=(3, 2), reshape=False, order=1, mode="nearest")
    assert np.allclose(turned.numpy(), truth, atol=1e-9)


def test_shifts_move_right_and_down():
    shifts = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 1.0]])
    moved = warped(IMAGES, angles=torch.zeros(3), shifts=shifts)
    assert torch.allclose(moved[0, :, :, 2:], IMAGES[0, :, :, :-2])
    assert torch.allclose(moved[1, :, 3:], IMAGES[1, :, :-3])
    assert torch.allclose(moved[2, :, 1:, :-1], IMAGES[2, :, :-1, 1:])
    assert torch.allclose(moved[0, :, :, 0], IMAGES[0, :, :, 0])  # edges go on


def test_images_are_turned_before_they_are_moved():
    angle, shift = torch.full((3,), math.pi / 2), torch.tensor([[2.0, 1.0]] * 3)
    square = IMAGES[..., :12]
    both = warped(square, angles=angle, shifts=shift)
    after = warped(warped(square, angles=angle, shifts=0 * shift), angles=0 * angle, shifts=shift)
    assert torch.allclose(both, after, atol=1e-5)


def test_shrunken_images_average_areas():
    assert torch.allclose(shrunken(IMAGES, (6, 17)), IMAGES.unflatten(2, (6, 2)).mean(dim=3))
    row = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    assert shrunken(row, (1, 2)).flatten().tolist() == pytest.approx([(1 + 1) / 1.5, (1 + 4) / 1.5])
    assert torch.allclose(shrunken(IMAGES, (5, 7)).mean(dim=(2, 3)), IMAGES.mean(dim=(2, 3)))


def test_clouds_are_rough_in_proportion_to_their_decay():
    rough, smooth = (clouds((20, 24, 32), decay=decay, generator=generator("clouds")) for decay in (1.75, 3.0))
    for veil in (rough, smooth):
        assert veil.shape == (20, 24, 32)
        assert torch.allclose(veil.amin(dim=(1, 2)), torch.zeros(20)) and torch.allclose(
            veil.amax(dim=(1, 2)), torch.ones(20)
        )
    steps = [veil.diff(dim=2).abs().mean() for veil in (rough, smooth)]
    assert steps[0] > 1.15 * steps[1]
    assert not torch.allclose(rough[0], rough[1])


def test_a_single_pixel_has_clouds_too():
    assert clouds((2, 1, 1), decay=2.0, generator=generator("one")).tolist() == [[[0.0]], [[0.0]]]


@pytest.mark.parametrize("deviation, truncated", [(0.4, 4.0), (2.3, 3.0), (9.0, 3.0)])
def test_smoothed_images_are_scipys(deviation, truncated):
    truth = ndimage.gaussian_filter(IMAGES.numpy(), (0, 0, deviation, deviation), mode="nearest", truncate=truncated)
    assert np.allclose(smoothed(IMAGES, deviation, truncated=truncated).numpy(), truth, atol=1e-12)


def test_no_smoothing_leaves_every_pixel():
    assert torch.equal(smoothed(IMAGES, 0.0), IMAGES)
    assert torch.equal(smoothing(5, 0.05), torch.eye(5, dtype=torch.float64))


def test_images_read_where_they_lie_stay_as_they_are():
    assert torch.allclose(resampled(IMAGES, pixel_places(IMAGES)), IMAGES)


def test_images_are_read_as_scipy_reads_them():
    source = torch.Generator().manual_seed(4)
    places = 20 * torch.rand(3, 2, 12, 17, generator=source, dtype=torch.float64) - 10  # beyond the edges as well
    read = resampled(IMAGES, places)
    for image, where, result in zip(IMAGES, places, read, strict=True):
        down_right = torch.stack([where[1] + 5.5, where[0] + 8.0]).numpy()
        truth = ndimage.map_coordinates(image[1].numpy(), down_right, order=1, mode="nearest")
        assert np.allclose(result[1].numpy(), truth)


def test_places_are_counted_from_the_centre():
    places = pixel_places(torch.zeros(2, 1, 3, 4))
    assert places[0, 0, 0].tolist() == [-1.5, -0.5, 0.5, 1.5] and places[0, 1, :, 0].tolist() == [-1.0, 0.0, 1.0]


def test_grey_is_brightness_as_eyes_see_it():
    colours = torch.eye(3).view(3, 3, 1, 1)
    assert grey(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])
    assert torch.allclose(grey(IMAGES), IMAGES.mean(dim=1))
