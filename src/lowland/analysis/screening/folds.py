"""Predictions of what was held out, with intervals from what was held out before them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.screening.models import Array, Labels, ModelName, fitted

FAMILY, TASK, LOWEST, HIGHEST = "family", "task", "lowest precision", "highest precision"
"""What is held out; the last two are extrapolation: no training row has as few, or as many, bits."""


def held_out(frame: pd.DataFrame, by: str) -> Iterator[tuple[Labels, Labels]]:
    """Which rows are predicted, and from which: pairs of masks [rows].

    Args:
        frame: With ``task``, ``family`` and ``bits``.
        by: ``family`` (the rows of one, of the same task), ``task`` (all of one, from the others), or a precision.
    """
    tasks, families = frame.task.to_numpy(dtype=object), frame.family.to_numpy(dtype=object)
    for task in pd.unique(tasks):
        here = tasks == task
        if by == FAMILY:
            for family in pd.unique(families[here]):
                yield here & (families == family), here & (families != family)
        elif by == TASK:
            if not here.all():
                yield here, ~here
        else:
            bits = frame.bits.to_numpy()
            end = bits[here].min() if by == LOWEST else bits[here].max()
            beyond = here & (bits == end)
            for family in pd.unique(families[beyond]):  # neither its precision nor its family was seen
                yield beyond & (families == family), here & ~(bits == end) & (families != family)


def predictions(frame: pd.DataFrame, columns: Sequence[str], *, model: ModelName, by: str) -> pd.DataFrame:
    """What a model predicts of every row from rows that are held apart from it.

    Args:
        frame: One row a cell: ``task, family, precision, bits``, features and ``selection``, the value to be learnt.
        columns: The features.
        model: Which.
        by: See ``held_out``.

    Returns:
        The rows that could be held out, with ``predicted`` and ``expected``: what the mean of the same rows that the
        model learnt from says, in the same precision where they have it. Of held-out values neither knows anything.
    """
    inputs, values = frame[list(columns)].to_numpy(dtype="float64"), frame.selection.to_numpy(dtype="float64")
    families = frame.family.to_numpy(dtype=object)
    predicted, expected = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    for out, known in held_out(frame, by):
        if known.any():
            learnt = fitted(model, inputs[known], values[known], families[known])
            predicted[out] = learnt.predict(inputs[out])
            expected[out] = _means(frame[known], frame.precision[out])
    frame = frame.assign(predicted=predicted, expected=expected)
    return frame[frame.predicted.notna()]


def _means(known: pd.DataFrame, precisions: Any) -> Array:
    """The mean of the known rows of each precision; of all of them, where none has it."""
    means = precisions.map(known.groupby("precision")["selection"].mean())
    return means.fillna(known.selection.mean()).to_numpy(dtype="float64")


def interval(
    frame: pd.DataFrame, columns: Sequence[str], new: pd.DataFrame, *, model: ModelName, confidence: float = 0.9
) -> tuple[Array, Array, Array]:
    r"""Predictions for new cells with CV+ intervals, the folds being families.

    The interval of x is made of :math:`\hat\mu_{-f(i)}(x) \pm |y_i - \hat\mu_{-f(i)}(x_i)|` over all known rows i, f(i)
    being the family of row i: Barber et al., "Predictive inference with the jackknife+", 2021.

    Args:
        frame: Known cells, as for ``predictions``, of at least two families.
        columns: The features.
        new: Cells to be predicted, with the same features.
        model: Which.
        confidence: Nominal coverage; what is guaranteed is 2 · confidence - 1, of exchangeable families.

    Returns:
        Predicted [new] by the model that learnt from all known rows, and both ends [new].
    """
    inputs, values = frame[list(columns)].to_numpy(dtype="float64"), frame.selection.to_numpy(dtype="float64")
    families, wanted = frame.family.to_numpy(dtype=object), new[list(columns)].to_numpy(dtype="float64")
    lows, highs = [], []
    for family in pd.unique(families):
        out = families == family
        learnt = fitted(model, inputs[~out], values[~out], families[~out])
        residuals = np.abs(values[out] - learnt.predict(inputs[out]))
        there = np.asarray(learnt.predict(wanted))
        lows.append(there[:, None] - residuals)
        highs.append(there[:, None] + residuals)
    low, high = np.concatenate(lows, axis=1), np.concatenate(highs, axis=1)
    rank = int(np.ceil(confidence * (len(values) + 1)))
    if rank > len(values):  # too few known rows for so sure an interval
        ends = np.full(len(wanted), -np.inf), np.full(len(wanted), np.inf)
    else:
        ends = -np.sort(-low, axis=1)[:, rank - 1], np.sort(high, axis=1)[:, rank - 1]
    return np.asarray(fitted(model, inputs, values, families).predict(wanted)), *ends
