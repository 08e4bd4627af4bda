"""What stands between the charges of a wafer and the autoencoder, and between its outputs and charges."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.tasks.econ.hgcal import CELL_OF_PIXEL, CELLS, COUNTS_PER_MIP, PIXEL_OF_CELL, SIDE, VALID_PIXEL, images
from lowland.tasks.econ.wafers import CHARGES, check_charges, check_columns, normalised
from lowland.tasks.preprocessing import Preprocessing


class WaferPreprocessing(Preprocessing):
    """Charges divided by a power of two, laid out as an image.

    Attributes:
        kind: ``wafers``.
        features: Names of the charges, in the order of the cells.
        unit: Of a charge.
        divided_by: The largest power of two that is at most the sum of a wafer's charges.
        cell_of_pixel: The cell that each pixel of the image shows, row by row; None where a pixel is 0.
        shape: Of the image: channels, height, width.
        pixel_of_cell: Which of the outputs is the decoded charge of each cell, in units of what was divided by.
    """

    kind: Literal["wafers"] = "wafers"
    features: tuple[str, ...] = CHARGES
    unit: str = f"counts, {COUNTS_PER_MIP} a transverse minimum-ionising particle"
    divided_by: Literal["power_of_two_at_most_sum"] = "power_of_two_at_most_sum"
    cell_of_pixel: tuple[int | None, ...] = tuple(
        int(cell) if valid else None for cell, valid in zip(CELL_OF_PIXEL, VALID_PIXEL, strict=True)
    )
    shape: tuple[int, int, int] = (1, SIDE, SIDE)
    pixel_of_cell: tuple[int, ...] = tuple(PIXEL_OF_CELL.tolist())

    def apply(self, raw: pd.DataFrame | NDArray[np.integer]) -> Tensor:
        """Images [n, 1, 8, 8] in float32.

        Args:
            raw: Charges [n, 48], or a table that has them among its columns; a wafer without charge becomes zeros.

        Raises:
            LowlandError: A column is missing, or holds what is no charge.
        """
        if isinstance(raw, pd.DataFrame):
            check_columns(list(raw.columns), "wafers")
            check_charges(raw, "wafers")
            raw = raw[list(CHARGES)].to_numpy(np.int64)
        return torch.from_numpy(images(normalised(raw.astype(np.int64).reshape(-1, CELLS))))

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Decoded charges [n, 48], in units of what each wafer was divided by."""
        return outputs[:, list(self.pixel_of_cell)].numpy()
