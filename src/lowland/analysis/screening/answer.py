"""The answer of a screening as a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.screening.options import ScreeningOptions
from lowland.analysis.screening.truths import LEFT

NOT_BETTER = "no better than the mean of known recipes: train all"
USABLE = "better than the mean of known recipes"


def answer(predicted: pd.DataFrame, records: Iterable[Mapping[str, Any]], options: ScreeningOptions) -> dict[str, Any]:
    """The recipes worth training for every task, precision and disturbance, and how far to trust that.

    Args:
        predicted: From ``screened``.
        records: Likewise: what held-out families of the known study say.
        options: Of the screening.
    """
    left = predicted[(predicted.kind == LEFT) & predicted.worth_training]
    means = left.groupby(["task", "truth", "precision", "recipe"], sort=False)[["predicted", "low", "high"]].mean()
    worth: dict[str, Any] = {}
    for (task, truth, precision), group in means.reset_index().groupby(["task", "truth", "precision"], sort=False):
        chosen = group.sort_values("predicted", ascending=False)[["recipe", "predicted", "low", "high"]]
        worth.setdefault(task, {}).setdefault(truth, {})[precision] = [_plain(row) for row in chosen.to_dict("records")]
    trusted = [_plain(record) | {"told": _told(record["r_squared"])} for record in records]
    return {
        "known": str(options.known),
        "epochs_share": options.epochs_share,
        "source": options.source,
        "model": options.model,
        "confidence": options.confidence,
        "worth_training": worth,
        "held_out_families": trusted,
        "extrapolated": sorted({str(each) for each in predicted.extrapolated.dropna().unique()} - {""}),
        "num_failed": int((predicted.status != "ok").sum()),
    }


def _told(r_squared: float) -> str:
    return USABLE if r_squared > 0 else NOT_BETTER


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Without numbers that JSON has not."""
    return {
        str(key): None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()
    }
