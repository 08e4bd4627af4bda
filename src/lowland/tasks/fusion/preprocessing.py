"""What stands between the frames of a camera and the network, and between its outputs and a mode."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat
from torch import Tensor

from lowland.tasks.area_average import area_averaged
from lowland.tasks.fusion.frames import PIXELS, SIDE
from lowland.tasks.preprocessing import Preprocessing


class FramePreprocessing(Preprocessing):
    """Frames averaged over areas, black 0 and white 1.

    Attributes:
        kind: ``frames``.
        reduced_by: How larger frames are brought to ``shape``: every pixel is the mean of the area that it covers.
        shape: Channels, height, width.
        white: Brightness of a white pixel, by which frames are divided; what is beyond 0 and 1 then is cut off.
        outputs: What the outputs are, in their order.
        output_unit: Their unit once they are multiplied with ``output_scale``; None where it is not known.
        output_scale: See ``output_unit``.
    """

    kind: Literal["frames"] = "frames"
    reduced_by: Literal["area_average"] = "area_average"
    shape: tuple[int, int, int] = (1, SIDE, SIDE)
    white: PositiveFloat
    outputs: tuple[str, str] = ("amplitude * sin(phase)", "amplitude * cos(phase)")
    output_unit: str | None
    output_scale: PositiveFloat

    def apply(self, raw: pd.DataFrame | NDArray[np.floating]) -> Tensor:
        """Frames [n, 1, 32, 32] in float32.

        Args:
            raw: Frames [n, height, width], or a table of averaged ones, a column a pixel.

        Raises:
            LowlandError: Frames smaller than the network's.
        """
        frames = raw[PIXELS].to_numpy(np.float32).reshape(-1, SIDE, SIDE) if isinstance(raw, pd.DataFrame) else raw
        averaged = area_averaged(frames, SIDE).astype(np.float32).reshape(-1, *self.shape)
        return torch.from_numpy(averaged / np.float32(self.white)).clamp(0, 1)

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Mode vectors [n, 2] in the unit of the labels."""
        return outputs.double().numpy() * self.output_scale
