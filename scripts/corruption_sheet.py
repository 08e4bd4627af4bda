"""A sheet of small images: every corruption of one image at severities 1, 3 and 5."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from lowland.perturbation import IMAGE_CORRUPTIONS, corrupt
from lowland.perturbation.image_filters import shrunken
from lowland.randomness import generator

SHOWN = (1, 3, 5)
ACROSS = 3  # corruptions side by side
ENLARGED, GAP, TITLE = 3, 3, 18  # pixels
STROKES = (  # of a five, in 28ths of the side, to the right and down
    ((19.5, 6.5), (10.0, 7.0)),
    ((10.0, 7.0), (9.0, 13.0)),
    *zip(
        *(
            [(9.0 + 9.5 * math.sin(a) * 0.95, 16.6 - 5.2 * math.cos(a)) for a in np.linspace(0.05, math.pi + 0.35, 9)][
                s
            ]
            for s in (slice(0, -1), slice(1, None))
        ),
        strict=True,
    ),
    ((9.0, 13.0), (9.5, 11.4)),
)


def drawn_digit(side: int = 28) -> torch.Tensor:
    """A five of our own hand [1, 1, side, side], as MNIST has them: white on black, soft edges."""
    rows, columns = np.mgrid[:side, :side] * (28 / side)
    nearest = np.full((side, side), np.inf)
    for (left, top), (right, bottom) in STROKES:
        along = (columns - left) * (right - left) + (rows - top) * (bottom - top)
        share = np.clip(along / ((right - left) ** 2 + (bottom - top) ** 2), 0, 1)
        away = np.hypot(columns - left - share * (right - left), rows - top - share * (bottom - top))
        nearest = np.minimum(nearest, away)
    return torch.from_numpy(np.clip(1.9 - nearest, 0, 1)).float()[None, None]


def sample_photograph(side: int = 32) -> torch.Tensor:
    """The flower of scikit-learn's sample images, cut to a square and averaged over areas [1, 3, side, side]."""
    from sklearn.datasets import load_sample_image

    photograph = torch.from_numpy(load_sample_image("flower.jpg").copy()).float().permute(2, 0, 1)[None] / 255
    edge = min(photograph.shape[2:])
    top, left = ((size - edge) // 2 for size in photograph.shape[2:])
    return shrunken(photograph[:, :, top : top + edge, left : left + edge], (side, side)).clamp(0, 1)


def write_sheet(image: torch.Tensor, path: Path, *, kinds: Sequence[str] = tuple(IMAGE_CORRUPTIONS)) -> None:
    """A PNG with the image as it is, and every corruption of it.

    Args:
        image: [1, channels, height, width] from 0 to 1.
        path: Of the file.
        kinds: Keys of ``IMAGE_CORRUPTIONS``, in the order of the sheet.
    """
    height, width = (ENLARGED * side + GAP for side in image.shape[2:])
    group, rows = len(SHOWN) * width + 5 * GAP, math.ceil((len(kinds) + 1) / ACROSS)
    sheet = Image.new("RGB", (ACROSS * group, rows * (height + TITLE)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for number, kind in enumerate(("as it is", *kinds)):
        left, top = number % ACROSS * group, number // ACROSS * (height + TITLE)
        pen.text((left, top + 3), kind, fill="black", font=font)
        for place, severity in enumerate(SHOWN if number else (0,)):
            source = generator("sheet", kind)
            shown = corrupt(image, kind, severity=severity, generator=source) if severity else image
            levels = (shown[0] * 255).round().byte().permute(1, 2, 0).numpy()
            tile = Image.fromarray(levels.squeeze()).resize((width - GAP, height - GAP), Image.Resampling.NEAREST)
            sheet.paste(tile, (left + place * width, top + TITLE))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256).save(path, optimize=True)
