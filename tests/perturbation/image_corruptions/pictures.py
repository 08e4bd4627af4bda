"""Pictures that corruptions are tried on."""

import torch

from lowland.perturbation import corrupt
from lowland.perturbation.image_filters import filtered, gaussian_kernel
from lowland.randomness import generator


def textures(rows=8, channels=3, height=32, width=32):
    """Soft random images with structure on the scale of a few pixels, from 0 to 1."""
    noise = torch.rand(rows, channels, height, width, generator=torch.Generator().manual_seed(0))
    soft = filtered(noise, gaussian_kernel(1.2))
    soft = soft - soft.amin(dim=(1, 2, 3), keepdim=True)
    return soft / soft.amax(dim=(1, 2, 3), keepdim=True)


IMAGES = textures()


def corrupted(kind, images=IMAGES, *, severity=3, key=("toy", 0), **options):
    return corrupt(images, kind, severity=severity, generator=generator(*key), **options)
