"""Blurs, warps and clouds: what image corruptions are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Images [n, c, h, w] weighted by kernels [n or 1, k, k] with k odd; beyond its edges an image goes on as there."""
    samples, channels, height, width = images.shape
    reach = kernels.shape[-1] // 2
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    if len(kernels) == 1:
        weights = kernels.to(images).unsqueeze(1).expand(channels, -1, -1, -1)
        return functional.conv2d(padded, weights, groups=channels)
    weights = kernels.to(images).repeat_interleave(channels, dim=0).unsqueeze(1)
    # One group an image and channel: a batched convolution in which every image has its own kernel.
    grouped = padded.reshape(1, samples * channels, *padded.shape[2:])
    return functional.conv2d(grouped, weights, groups=samples * channels).reshape(samples, channels, height, width)


def gaussian_kernel(deviation: float, *, reach: int | None = None) -> Tensor:
    """A normalised Gaussian [1, k, k], cut off after ``reach`` pixels (four standard deviations, but at least one)."""
    reach = max(1, int(4 * deviation + 0.5)) if reach is None else reach
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / deviation) ** 2)
    kernel = torch.outer(weights, weights)
    return (kernel / kernel.sum()).unsqueeze(0)


def disk_kernel(radius: float, *, smoothing: float) -> Tensor:
    """A uniform disk [1, k, k], its edge softened by a 3 x 3 Gaussian of so many pixels."""
    reach = int(radius) + 1
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    disk = (steps.square()[:, None] + steps.square()[None, :] <= radius**2).double()
    soft = functional.conv2d(disk[None, None] / disk.sum(), gaussian_kernel(smoothing, reach=1)[:, None], padding=1)
    return soft[0] / soft.sum()


def motion_kernels(angles: Tensor, *, length: int, deviation: float) -> Tensor:
    """Half-Gaussian streaks [n, k, k] of ``length`` pixels from the centre, at angles [n] in radians."""
    steps = torch.arange(length + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (steps / deviation) ** 2)
    pixels = torch.arange(-length, length + 1, dtype=torch.float64)

    def share(direction: Tensor) -> Tensor:  # of every step [n, steps] in the pixels around it, linearly
        positions = direction.double()[:, None] * steps
        return (1 - (pixels - positions[..., None]).abs()).clamp(min=0)

    return torch.einsum("s,nsy,nsx->nyx", weights / weights.sum(), share(angles.sin()), share(angles.cos()))


def warped(images: Tensor, *, angles: Tensor, shifts: Tensor) -> Tensor:
    """Images turned about their centre, then moved; bilinear, edges continued.

    Args:
        images: [n, c, h, w].
        angles: [n] in radians.
        shifts: [n, 2], to the right and down in pixels.
    """
    height, width = images.shape[2:]
    cos, sin = angles.cos().to(images), angles.sin().to(images)
    right, down = (2 * shifts / torch.tensor([width, height])).to(images).unbind(dim=1)
    # Rows map output to input positions, in coordinates from -1 to 1: sides of unequal length shear a plain rotation.
    across = torch.stack([cos, -sin * height / width, -(cos * right - sin * height / width * down)], dim=1)
    along = torch.stack([sin * width / height, cos, -(sin * width / height * right + cos * down)], dim=1)
    grid = functional.affine_grid(torch.stack([across, along], dim=1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def shrunken(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images of (h, w) fewer pixels, each the mean of the area that it covers, parts of pixels included."""
    down, across = (_area_weights(old, new).to(images) for old, new in zip(images.shape[2:], size, strict=True))
    return down @ images @ across.T


def _area_weights(old: int, new: int) -> Tensor:
    """Share [new, old] of every old pixel in each new one."""
    edges = torch.arange(new + 1, dtype=torch.float64)[:, None] * (old / new)
    pixels = torch.arange(old, dtype=torch.float64)
    overlap = edges[1:].minimum(pixels + 1) - edges[:-1].maximum(pixels)
    return overlap.clamp(min=0) * (new / old)


def clouds(shape: tuple[int, int, int], *, decay: float, generator: torch.Generator) -> Tensor:
    """Fractal clouds [n, h, w] from 0 to 1: octaves of uniform noise, each ``decay``² times weaker than the coarser."""
    samples, height, width = shape
    total = torch.zeros(samples, 1, height, width)
    for octave in range(1 + math.ceil(math.log2(max(height, width, 2)))):
        cells = 2**octave + 1
        coarse = torch.rand(samples, 1, cells, cells, generator=generator) * decay ** (-2 * octave)
        total += functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)
    total -= total.amin(dim=(2, 3), keepdim=True)
    highest = total.amax(dim=(2, 3), keepdim=True)
    return (total / torch.where(highest > 0, highest, 1.0)).squeeze(1)


def smoothing(side: int, deviation: float, *, truncated: float = 4.0) -> Tensor:
    """Weights [side, side] of a Gaussian along one side, cut off after so many standard deviations; edges continued."""
    if deviation == 0:
        return torch.eye(side, dtype=torch.float64)
    reach = int(truncated * deviation + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / deviation) ** 2)
    pixels = torch.arange(side)
    sources = (pixels[:, None] + torch.arange(-reach, reach + 1)).clamp(0, side - 1)
    spread = (weights / weights.sum()).expand(side, -1)
    return torch.zeros(side, side, dtype=torch.float64).scatter_add(1, sources, spread)


def smoothed(images: Tensor, deviation: float, *, truncated: float = 4.0) -> Tensor:
    """Images [n, c, h, w] after a Gaussian blur of so many pixels, cut off after so many standard deviations."""
    down, across = (smoothing(side, deviation, truncated=truncated).to(images) for side in images.shape[2:])
    return down @ images @ across.T


def pixel_places(images: Tensor) -> Tensor:
    """Where the pixels of images [n, c, h, w] lie, to the right and down in pixels from the centre [1, 2, h, w]."""
    down, across = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in images.shape[2:])
    return torch.stack(torch.meshgrid(across, down, indexing="xy")).unsqueeze(0)


def resampled(images: Tensor, places: Tensor) -> Tensor:
    """Images read elsewhere: bilinear, edges continued.

    Args:
        images: [n, c, h, w].
        places: What each pixel shows, as ``pixel_places`` has them [n or 1, 2, h, w].
    """
    height, width = images.shape[2:]
    grid = places.movedim(1, -1) / torch.tensor([width / 2, height / 2], dtype=torch.float64)
    grid = grid.to(images).expand(len(images), -1, -1, -1)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def grey(images: Tensor) -> Tensor:
    """Brightness [n, h, w] of images [n, c, h, w]: three channels are red, green and blue, others count equally."""
    if images.shape[1] != 3:
        return images.mean(dim=1)
    weights = torch.tensor([0.299, 0.587, 0.114]).to(images)
    return torch.einsum("c,nchw->nhw", weights, images)
