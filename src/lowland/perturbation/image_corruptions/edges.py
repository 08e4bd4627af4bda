"""Canny's edges in place of the image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lowland.perturbation.image_filters import grey

BLUR, BLUR_REACH = 1.0, 4  # pixels


def canny_edges(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """20 to 100 % of the way from the image to its white edges on black."""
    edges = canny(grey(images)).to(images).unsqueeze(1)
    return images + severity / 5 * (edges - images)


def canny(images: Tensor, *, low: float = 0.1, high: float = 0.2) -> Tensor:
    """Canny's edges after a Gaussian blur of one pixel.

    Args:
        images: [n, h, w].
        low: Steepness (length of Sobel's gradient) that an edge has everywhere.
        high: Steepness that it has at least at one pixel.

    Returns:
        Which pixels are of an edge [n, h, w]; those of the frame never are.

    Source:
        Canny 1986, 10.1109/TPAMI.1986.4767851, in the variant of scikit-image 0.26.
    """
    down, across = (_blurring(side).to(images) for side in images.shape[1:])
    soft = functional.pad((down @ images @ across.T).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    rows = soft[:, :, :-2] + 2 * soft[:, :, 1:-1] + soft[:, :, 2:]
    columns = soft[..., :-2] + 2 * soft[..., 1:-1] + soft[..., 2:]
    across, down = rows[..., 2:] - rows[..., :-2], columns[:, :, 2:] - columns[:, :, :-2]
    steepness = (across.square() + down.square()).sqrt()
    ridge = _highest_across(across, down, steepness) & (steepness >= low)
    return _connected(ridge & (steepness >= high), ridge).squeeze(1)


def _blurring(side: int) -> Tensor:
    """Weights [side, side] of a Gaussian along one side that sees nothing beyond the edges."""
    pixels = torch.arange(side, dtype=torch.float64)
    away = (pixels[:, None] - pixels).abs()
    weights = torch.where(away <= BLUR_REACH, torch.exp(-0.5 * (away / BLUR) ** 2), 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def _highest_across(across: Tensor, down: Tensor, steepness: Tensor) -> Tensor:
    """Whether no point a pixel along the gradient (interpolated between neighbours) is steeper; never in the frame."""
    height, width = steepness.shape[2:]
    padded = functional.pad(steepness, (1, 1, 1, 1))

    def neighbour(below: int, right: int) -> Tensor:
        return padded[:, :, 1 + below : 1 + below + height, 1 + right : 1 + right + width]

    steep = down.abs() > across.abs()
    longer = torch.maximum(down.abs(), across.abs())
    share = torch.minimum(down.abs(), across.abs()) / torch.where(longer > 0, longer, 1.0)
    same_sign = down * across >= 0
    found = torch.ones_like(steep)
    for side in (1, -1):
        straight = torch.where(steep, neighbour(side, 0), neighbour(0, side))
        # Gradients that point down and left or up and right lie between other neighbours.
        other = torch.where(steep, neighbour(side, -side), neighbour(-side, side))
        diagonal = torch.where(same_sign, neighbour(side, side), other)
        found &= share * diagonal + (1 - share) * straight <= steepness
    found[:, :, [0, -1], :] = False
    found[:, :, :, [0, -1]] = False
    return found


def _connected(seeds: Tensor, mask: Tensor) -> Tensor:
    """All of a mask [n, 1, h, w] that neighbours, also diagonal ones, connect with a seed."""
    found = seeds
    while True:
        grown = (functional.max_pool2d(found.float(), 3, stride=1, padding=1) > 0) & mask
        if torch.equal(grown, found):
            return found
        found = grown
