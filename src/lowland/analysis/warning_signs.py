"""What can be known of a cell before it is deployed, and might warn of its worst policy: one number a cell each."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.criteria import CELL, clean_criterion, criterion_values
from lowland.analysis.predictors import predictors
from lowland.analysis.score import score_of

OVER_LAYERS = {"highest_crest": "activation_crest", "largest_layer_drop": "layer_drop"}
"""Signs that are the largest of a measure over all layers."""
QUANTIZATION_DROP = "quantization_drop"
RESCALED_DROP = "rescaled_drop"


def warning_signs(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every landscape measure, matched curvature and baseline (``predictors``), and what layers and ranges show.

    The latter are the highest crest factor of a layer, the most that is lost through one layer alone, what rescaled
    channels cost, and the score lost by quantization itself (nothing for float cells).

    Args:
        measurements: The long table with one half of the held-out rows (``on_split``), other rows than the response's,
            so that both do not share the luck of their rows.

    Returns:
        The cell's columns, ``predictor``, ``kind`` (``landscape``, ``baseline``, ``layers``), ``value``, ``status``.
    """
    rows = measurements[(measurements.family == "worst_case") & (measurements.precision != "")]
    parts = [predictors(measurements)]
    for name, measure in OVER_LAYERS.items():
        largest = rows[(rows.measure == measure) & (rows.status == "ok")].groupby(CELL, sort=False).value.max()
        parts.append(_named(largest.reset_index(), name))
    drops = rows[(rows.measure == RESCALED_DROP) & (rows.status == "ok")]
    parts.append(_named(drops[[*CELL, "value"]], RESCALED_DROP))
    parts += [_quantization_drop(task) for _, task in measurements.groupby("task", sort=False)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _quantization_drop(measurements: pd.DataFrame) -> pd.DataFrame:
    """Score of the run's float network less that of the cell, positive where the float network is better."""
    score = score_of(measurements)
    values = criterion_values(measurements, clean_criterion(score))
    values = values.assign(value=score.sign * values.value.where(values.status == "ok"))
    floats = values[values.method == "float"].groupby(["task", "recipe", "seed"], sort=False).value.first()
    own = values[values.method != "float"]
    if floats.empty or own.empty:
        return pd.DataFrame()
    joined = own.merge(floats.rename("float_value").reset_index(), on=["task", "recipe", "seed"])
    return _named(joined.assign(value=joined.float_value - joined.value)[[*CELL, "value"]].dropna(), QUANTIZATION_DROP)


def _named(values: pd.DataFrame, name: str) -> pd.DataFrame:
    return values.assign(predictor=name, kind="layers", status="ok")[[*CELL, "predictor", "kind", "value", "status"]]
