"""What stands between images and the network, and between its outputs and a class."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks.area_average import area_averaged
from lowland.tasks.preprocessing import Classes, Preprocessing

Shape = tuple[int, int, int]
CHUNK = 1000  # images averaged at a time, which is done in float64


def pixel_columns(shape: Shape) -> list[str]:
    """Names of the pixels of an image of channels, height and width, channel by channel and row by row."""
    channels, height, width = shape
    places = [f"{row:02d}_{column:02d}" for row in range(height) for column in range(width)]
    return [f"pixel_{f'{channel}_' if channels > 1 else ''}{place}" for channel in range(channels) for place in places]


def reduced(images: NDArray[Any], *, side: int, crop: int | None = None) -> NDArray[Any]:
    """Images cut to a square in their middle and averaged over areas.

    Args:
        images: [n, channels, height, width].
        side: Pixels of a side of the result.
        crop: Side of the square; None: all is used.

    Returns:
        [n, channels, side, side]: float32, or as they came where nothing is averaged.

    Raises:
        LowlandError: Images smaller than the square, or than the result.
    """
    height, width = images.shape[2:]
    if crop is not None:
        if min(height, width) < crop:
            raise LowlandError(f"images are {height}x{width} pixels; expected at least {crop}x{crop}, which is cut out")
        top, left = (height - crop) // 2, (width - crop) // 2
        images = images[:, :, top : top + crop, left : left + crop]
    if images.shape[2:] == (side, side):
        return images
    flat = images.reshape(-1, *images.shape[2:])
    parts = [area_averaged(flat[at : at + CHUNK], side).astype(np.float32) for at in range(0, len(flat), CHUNK)]
    return np.concatenate(parts).reshape(*images.shape[:2], side, side)


class ImagePreprocessing(Preprocessing):
    """Images cut to a square in their middle and averaged over areas, black 0 and white 1.

    Attributes:
        kind: ``images``.
        crop: Side of the square in pixels; None: all is used.
        reduced_by: How larger images are brought to ``shape``: every pixel is the mean of the area that it covers.
        shape: Channels, height, width of the network's inputs.
        white: Brightness of a white pixel, by which images are divided; what is beyond 0 and 1 then is cut off.
        target: What the outputs mean; ``answer`` in the record.
    """

    kind: Literal["images"] = "images"
    crop: PositiveInt | None
    reduced_by: Literal["area_average"] = "area_average"
    shape: Shape
    white: PositiveFloat
    target: Classes = Field(alias="answer")

    def apply(self, raw: pd.DataFrame | NDArray[Any]) -> Tensor:
        """Images [n, channels, height, width] in float32.

        Args:
            raw: Images [n, height, width] or [n, height, width, channels], or a table of images that are cut out and
                averaged, a column a pixel.

        Raises:
            LowlandError: Images of other channels, or smaller than the network's.
        """
        if isinstance(raw, pd.DataFrame):
            pixels = raw[pixel_columns(self.shape)].to_numpy().reshape(-1, *self.shape)
        else:
            images = raw[..., None] if raw.ndim == 3 else raw
            if images.ndim != 4 or images.shape[3] != self.shape[0]:
                raise LowlandError(
                    f"images have the shape {list(raw.shape)}; expected [n, height, width"
                    + (f", {self.shape[0]}]" if self.shape[0] > 1 else "]")
                )
            pixels = reduced(images.transpose(0, 3, 1, 2), side=self.shape[1], crop=self.crop)
        return torch.from_numpy(pixels.astype(np.float32) / np.float32(self.white)).clamp(0, 1)

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Names of classes [n]."""
        return np.array(self.target.names)[outputs.argmax(dim=1).numpy()]
