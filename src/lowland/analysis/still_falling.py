"""Which trainings stopped while the validation loss still fell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

LAST = 10  # the last tenth of the epochs is held against all before it
FALL = 0.02  # of the whole fall so far, which the last tenth must have added


def still_falls(losses: np.ndarray) -> bool:
    """Whether a curve still falls at its end: its last tenth added more than 2 % of the whole fall.

    The best of the last tenth of the epochs is compared with the best before. A loss that falls exponentially adds 2 %
    there when about a twentieth of its fall is still to come. Relative to the fall so far, it does not matter in which
    unit the loss is or how low it lies; taking the best of each part, neither a ragged curve nor one that rises again
    counts as falling.

    Args:
        losses: After each epoch, in order; what is no number is passed over.
    """
    known = np.asarray(losses, dtype=float)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return False
    cut = len(known) - max(1, len(known) // LAST)
    before, late = known[:cut].min(), known[cut:].min()
    return bool(before - late > FALL * (known[0] - late)) if late < before else False


def still_falling(curves: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The trainings of which more than half of the seeds still fall at the end, so that no single ragged curve counts.

    Args:
        curves: ``recipe``, ``seed``, ``precision``, ``epoch`` and ``validation_loss`` of one task.

    Returns:
        ``recipe`` and ``precision`` (``float`` for the training itself, else the fine-tuning of that precision).
    """
    if curves is None or curves.empty:
        return []
    found = []
    for (recipe, precision), group in curves.groupby(["recipe", "precision"], sort=False):
        fall = [still_falls(line.sort_values("epoch").validation_loss.to_numpy()) for _, line in group.groupby("seed")]
        if sum(fall) > len(fall) / 2:
            found.append({"recipe": str(recipe), "precision": str(precision)})
    return found
