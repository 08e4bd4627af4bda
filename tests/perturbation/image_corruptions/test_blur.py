import torch
from scipy import ndimage

from lowland.perturbation.image_filters import filtered, gaussian_kernel
from lowland.randomness import generator
from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted, textures


def test_blur_keeps_its_share_of_larger_images():
    large = textures(height=64, width=80)
    expected = filtered(large, gaussian_kernel(2.0))
    assert torch.allclose(corrupted("gaussian_blur", large, severity=5), expected.clamp(0, 1), atol=1e-6)


def test_zoom_blur_is_the_mean_of_enlarged_images():
    image = IMAGES[0, 0].double()
    steps = torch.arange(32, dtype=torch.float64) - 15.5
    total = image.clone()
    for factor in (1.0, 1.01, 1.02, 1.03, 1.04, 1.05):
        places = torch.meshgrid(15.5 + steps / factor, 15.5 + steps / factor, indexing="ij")
        total += torch.from_numpy(ndimage.map_coordinates(image.numpy(), torch.stack(places).numpy(), order=1))
    blurred = corrupted("zoom_blur", image[None, None], severity=1)
    assert torch.allclose(blurred[0, 0], total / 7, atol=1e-9)


def one_by_one(image, *, reach, rounds, offsets):
    """The published loop over the pixels of one image, with given offsets [rounds, down or right, h, w]."""
    image, (height, width) = image.clone(), image.shape
    for number in range(rounds):
        for row in range(height - reach, reach, -1):
            for column in range(width - reach, reach, -1):
                down, right = offsets[number, :, row, column].tolist()
                kept = image[row, column].item()
                image[row, column] = image[row + down, column + right]
                image[row + down, column + right] = kept
    return image


def test_glass_swaps_neighbours_as_published():
    images = torch.rand(3, 1, 9, 11, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    source = generator("glass")
    offsets = torch.stack([torch.randint(-1, 1, (2, 9, 11, 3), generator=source) for _ in range(2)])
    soft = filtered(images, gaussian_kernel(0.4, reach=2))
    expected = torch.stack(
        [one_by_one(soft[number, 0], reach=1, rounds=2, offsets=offsets[..., number]) for number in range(3)]
    )
    result = corrupted("glass_blur", images, severity=5, key=("glass",))
    assert torch.allclose(result, filtered(expected.unsqueeze(1), gaussian_kernel(0.4, reach=2)), atol=1e-9)


def test_glass_without_blur_moves_pixels_and_loses_none():
    result = corrupted("glass_blur", severity=1)  # 0.05 pixels blur nothing
    assert torch.equal(result.flatten(2).sort(dim=2).values, IMAGES.flatten(2).sort(dim=2).values)
    assert 0.3 < float((result != IMAGES).all(dim=1).double().mean()) < 0.95
    edges = result.clone()
    edges[:, :, 1:, 1:] = IMAGES[:, :, 1:, 1:]
    assert torch.equal(edges[:, :, 0], IMAGES[:, :, 0]) and torch.equal(edges[:, :, :, 0], IMAGES[:, :, :, 0])


def test_glass_shuffles_all_channels_alike_and_more_in_two_rounds():
    ramp = torch.arange(32 * 32, dtype=torch.float64).view(1, 1, 32, 32).expand(2, 3, -1, -1) / 1024
    once, twice = (corrupted("glass_blur", ramp, severity=severity) for severity in (2, 4))
    assert torch.equal(once[:, 0], once[:, 1]) and not torch.equal(once[0], once[1])
    assert (twice - ramp).square().mean() > 1.2 * (once - ramp).square().mean()
