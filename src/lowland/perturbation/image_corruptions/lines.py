"""Stripes and lines that were drawn across the image."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.perturbation.image_corruptions.lengths import in_pixels

MOST_LINES = 5
THICKNESS = 2.3  # pixels above and below a line at which its brightness is no longer defined; it fades out at 1.45


def stripe(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """The left and the right of the image, 1/12 to 5/12 of its width each, in negative."""
    width = images.shape[3]
    share = max(1, round(width * severity / 12))
    columns = torch.arange(width, device=images.device)
    return torch.where((columns < share) | (columns >= width - share), 1 - images, images)


def zigzag(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """One to five white zigzags from left to right; those of one severity are there at every higher one."""
    height, width = images.shape[2:]
    columns = torch.arange(width, dtype=torch.float64)
    starts, slopes = torch.rand(2, MOST_LINES, len(images), 1, generator=generator, dtype=torch.float64)
    half = in_pixels(2.0, images)  # amplitude and a quarter of the period
    phase = (columns - 2 * width / 28) / half
    waves = half * (((phase + 1) % 4 - 2).abs() - 1).neg()
    rows = (height - 1) * starts + 10 * (slopes - 0.5) / 28 * height * (columns - 2 * width / 28) / (23 * width / 28)
    inside = (columns >= 2 * width / 28) & (columns <= 25 * width / 28)
    return _with_lines(images, (rows + waves)[:severity], inside)


def dotted_line(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """One to five straight dotted lines from edge to edge; those of one severity are there at every higher one."""
    height, width = images.shape[2:]
    across = torch.linspace(0, 1, width, dtype=torch.float64)
    left, right = (height - 1) * torch.rand(2, MOST_LINES, len(images), 1, generator=generator, dtype=torch.float64)
    dash = max(1, round(in_pixels(2.0, images)))
    return _with_lines(images, (left + (right - left) * across)[:severity], torch.arange(width) // dash % 2 == 1)


def _with_lines(images: Tensor, rows: Tensor, drawn: Tensor) -> Tensor:
    """White lines added that run at ``rows`` [lines, n, w] in the columns that are ``drawn`` [w]."""
    thickness = in_pixels(THICKNESS, images)
    total = torch.zeros(images.shape[0], *images.shape[2:], dtype=torch.float64)
    heights = torch.arange(images.shape[2], dtype=torch.float64)
    for line in rows:
        away = (heights[:, None] - line[:, None, :]).abs() / thickness
        total += (torch.log1p(-away.clamp(max=1 - 1e-9)) + 1).clamp(min=0) * drawn
    return (images + total.to(images).unsqueeze(1)).clamp(max=1)
