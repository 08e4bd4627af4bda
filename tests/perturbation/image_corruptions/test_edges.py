import numpy as np
import pytest
import torch
from scipy import ndimage

from lowland.perturbation.image_corruptions.edges import canny
from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted, textures


def slow_canny(image, low=0.1, high=0.2):
    """Canny's edges pixel by pixel."""
    inside = ndimage.gaussian_filter(np.ones_like(image), 1.0, mode="constant")
    soft = ndimage.gaussian_filter(image, 1.0, mode="constant") / inside
    across, down = ndimage.sobel(soft, axis=1, mode="nearest"), ndimage.sobel(soft, axis=0, mode="nearest")
    steep = np.hypot(across, down)
    ridge = np.zeros(image.shape, bool)
    for row in range(1, image.shape[0] - 1):
        for column in range(1, image.shape[1] - 1):
            here = steep[row, column]
            if here < low or here == 0:
                continue
            step = np.array([down[row, column], across[row, column]]) / max(
                abs(down[row, column]), abs(across[row, column])
            )
            beside = ndimage.map_coordinates(
                steep, np.array([[row + step[0], row - step[0]], [column + step[1], column - step[1]]]), order=1
            )
            ridge[row, column] = (beside <= here).all()
    parts, _ = ndimage.label(ridge, np.ones((3, 3)))
    return np.isin(parts, np.unique(parts[ridge & (steep >= high)])) & ridge


def test_edges_are_those_found_pixel_by_pixel():
    images = textures(rows=4, channels=1, height=28, width=31).double()[:, 0]
    found = canny(images).numpy()
    assert found.any() and not found.all()
    assert np.array_equal(found, np.stack([slow_canny(image) for image in images.numpy()]))


def test_edges_are_those_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    images = textures(rows=8, channels=1, height=28, width=31).double()[:, 0]
    assert np.array_equal(canny(images).numpy(), np.stack([feature.canny(image) for image in images.numpy()]))


def test_weak_edges_need_a_strong_pixel():
    height = torch.full((2, 20, 1), 0.06, dtype=torch.float64)  # steepness about 0.15
    height[1, :, 0] = torch.linspace(0.06, 0.2, 20)  # up to 0.5
    alone, connected = canny(torch.cat([torch.zeros(2, 20, 10, dtype=torch.float64), height.expand(-1, -1, 10)], dim=2))
    assert not alone.any() and connected[1:-1, 8:12].any(dim=1).all()


def test_severities_lead_from_the_image_to_its_edges():
    edges = corrupted("canny_edges", severity=5)
    assert set(edges.unique().tolist()) == {0.0, 1.0} and torch.equal(edges[:, 0], edges[:, 2])
    assert torch.allclose(corrupted("canny_edges", severity=2), IMAGES + 0.4 * (edges - IMAGES), atol=1e-6)


def test_an_even_image_has_no_edges():
    assert not corrupted("canny_edges", torch.full((1, 1, 12, 12), 0.7), severity=5).any()
