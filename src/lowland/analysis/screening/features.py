"""What is known of a cell before it is trained at its precision: measures of its float run, or of a cheap copy."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from lowland.analysis.criteria import CELL, cells
from lowland.analysis.predictors import predictors
from lowland.analysis.splits import on_split
from lowland.measurements import WITH_CODES
from lowland.vocabulary.measures import SELECTED

Source = Literal["float", "ptq"]
"""What is measured: the float run, or its copy that is quantized without training."""
RUN = ["task", "recipe", "seed"]
BITS = ("bits", "step", "tuned")
"""What follows from the precision alone: bits of a weight, 2 to the minus bits, whether it is fine-tuned."""
SMALLEST = 1e-6


def features(measurements: pd.DataFrame, of: pd.DataFrame, *, source: Source) -> pd.DataFrame:
    """One row of numbers per cell: the measures of its source, on a logarithmic scale, and its bits.

    A measure x enters as asinh(x / 1e-6), which is a logarithm for either sign and finite at zero. A measure that some
    source lacks (not converged, not defined) is left out for all: nothing is imputed. What it takes pairs of seeds or
    a selection of cells to measure is left out as well.

    Args:
        measurements: The long table with the sources: float cells, or cells that were quantized after training. Clean
            scores are taken from ``selection``.
        of: The cells to be predicted: ``CELL`` columns.
        source: Which. A cell's copy is the one of its run with the nearest bits.

    Returns:
        ``CELL``, then a column per measure and those of ``BITS``; cells without a source have no row.
    """
    rows = on_split(measurements[(measurements.reference == "") & ~measurements.measure.isin(SELECTED)], "selection")
    found = predictors(rows)
    found = found[(found.method == source) & (found.predictor != "weight_bits")]
    wide = found.pivot_table(index=[*RUN, "precision"], columns="predictor", values="value", dropna=False, sort=False)
    wide = wide.dropna(how="all").dropna(axis=1)
    wide = np.arcsinh(wide / SMALLEST).reset_index()
    sources = cells(measurements).merge(wide, on=[*RUN, "precision"])[[*RUN, "weight_bits", *wide.columns[4:]]]
    sources = sources.rename(columns={"weight_bits": "source_bits"})
    paired = of[CELL].drop_duplicates().merge(sources, on=RUN)
    paired = paired.assign(away=(paired.source_bits - paired.weight_bits).abs())
    nearest = paired.sort_values("away", kind="stable").drop_duplicates(CELL).sort_index()
    bits = nearest.weight_bits.astype("float64")
    return nearest.drop(columns=["source_bits", "away"]).assign(
        bits=bits, step=2.0**-bits, tuned=(nearest.method == "qat").astype("float64")
    )


def to_be_deployed(measurements: pd.DataFrame) -> pd.DataFrame:
    """The cells with codes: those that are predicted."""
    every = cells(measurements)
    return every[every.method.isin(WITH_CODES)].reset_index(drop=True)
