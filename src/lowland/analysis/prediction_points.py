"""Predicted against measured: what the matched curvatures say a disturbance costs, and what it did cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lowland.analysis.criteria import CELL, SIZE, criterion_values
from lowland.analysis.predictors import predictors

CURVATURE_LEVEL = 10.0
MATCHED = {"flips": "flip_curvature", "bit_error_rate": "flip_curvature", "gaussian": "input_curvature"}
BASELINES = {
    "flips": ("mean_squared_flip", "weight_bits", "hessian_trace", "weight_norm"),
    "bit_error_rate": ("mean_squared_flip", "weight_bits", "hessian_trace", "weight_norm"),
    "gaussian": ("weight_bits", "hessian_trace", "weight_norm"),
}


def prediction_points(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every cell at every level of flips, bit error rate and Gaussian noise, predicted and measured.

    predicted = matched curvature · exposure, without any fitted constant: exposure is the number of flips, p · size at
    bit error rate p, and (level / 10)² for Gaussian noise, the input curvature being taken at 10 %.
    The baselines stand beside it as they are; mean squared flip is multiplied by the exposure too.

    Args:
        measurements: The long table. ``input_curvature`` must carry level 10; a single other level is rescaled.

    Returns:
        The cell's columns, condition, level, exposure, ``measured`` (loss rise), ``standard_error``, ``predicted``, one
        column per baseline (NaN where it does not apply) and ``status``: ``ok`` only where measured, predicted and
        all baselines of that condition are.
    """
    parts = []
    values = predictors(measurements)
    wide = values.pivot_table(
        index=CELL, columns="predictor", values="value", aggfunc="first", dropna=False, observed=True
    )
    size = criterion_values(measurements, SIZE).set_index(CELL)["value"]
    scale = _curvature_scale(measurements)
    for condition, matched in MATCHED.items():
        rows = measurements[
            (measurements.condition == condition) & (measurements.measure == "loss_rise") & (measurements.target == "")
        ]
        if rows.empty:
            continue
        index = pd.MultiIndex.from_frame(rows[CELL])
        columns = {name: _column(wide, name, index) for name in (matched, *BASELINES[condition])}
        if condition == "gaussian":
            exposure = (rows.level.to_numpy() / CURVATURE_LEVEL) ** 2
            columns[matched] = columns[matched] * scale
        elif condition == "flips":
            exposure = rows.level.to_numpy()
        else:
            exposure = rows.level.to_numpy() * size.reindex(index).to_numpy()
        predicted = columns.pop(matched) * exposure
        if "mean_squared_flip" in columns:
            columns["mean_squared_flip"] = columns["mean_squared_flip"] * exposure
        frame = rows[CELL].assign(condition=condition, level=rows.level, exposure=exposure)
        frame = frame.assign(measured=rows.value, standard_error=rows.standard_error, predicted=predicted, **columns)
        present = np.isfinite(np.stack([predicted, *columns.values()])).all(0)
        frame["status"] = rows.status.where(rows.status != "ok", np.where(present, "ok", "undefined")).astype(str)
        parts.append(frame)
    if not parts:
        return pd.DataFrame(
            columns=[*CELL, "condition", "level", "exposure", "measured", "standard_error", "predicted", "status"]
        )
    frame = pd.concat(parts, ignore_index=True)
    return frame[[*(c for c in frame.columns if c != "status"), "status"]]


def _column(wide: pd.DataFrame, name: str, index: pd.MultiIndex) -> np.ndarray:
    if name not in wide.columns:
        return np.full(len(index), np.nan)
    return wide[name].reindex(index).to_numpy(dtype="float64")


def _curvature_scale(measurements: pd.DataFrame) -> float:
    """Brings an input curvature taken at another level than 10 % to 10 %: it goes with the level squared."""
    levels = measurements.loc[
        (measurements.measure == "input_curvature") & (measurements.condition == "gaussian"), "level"
    ].dropna()
    return (CURVATURE_LEVEL / float(levels.iloc[0])) ** 2 if len(levels) else 1.0
