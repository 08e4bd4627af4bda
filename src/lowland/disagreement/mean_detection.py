"""How well detectors find disagreements on the mean over several networks that answer the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lowland.disagreement.bootstrap import resampled_areas, source_numbers
from lowland.disagreement.detection import LEAST_POSITIVES, detection_auroc
from lowland.disagreement.rows import checked_scores
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.randomness import Key
from lowland.randomness import generator as keyed


@dataclass(frozen=True, slots=True)
class MarkedScores:
    """What detectors say of the answers of one network, over all sets at once.

    Attributes:
        scores: [rows] by detector, higher where a disagreement is expected.
        disagree: Where the network disagrees with its reference [rows].
    """

    scores: Mapping[str, Tensor]
    disagree: Tensor


def mean_detection_auroc(
    networks: Sequence[MarkedScores], source_rows: Tensor, *, key: tuple[Key, ...]
) -> dict[str, tuple[Estimate, Estimate]]:
    """Areas of detectors on the mean over networks, and how far the first detector is ahead of each.

    Source rows are drawn with replacement, the same for all networks and detectors, each with all that was made of it.
    DeLong's test, which takes rows as independent, would call far too many differences real here.

    Args:
        networks: Scores and marks of the same rows, with the same detectors in the same order.
        source_rows: Number of the row that each row was made from [rows], see ``detection_auroc``.
        key: Of the draws.

    Returns:
        By detector its mean area and that of the first less its own. Networks with fewer than 10 source rows of either
        kind, or a score that is not finite, are left out; ``num_samples`` says how many are in; ``undefined``: none is.

    Raises:
        LowlandError: Other rows or other detectors than the first network's.
    """
    values: list[NDArray[np.float64]] = []
    draws: list[NDArray[np.float64]] = []
    names = list(networks[0].scores) if networks else []
    for network in networks:
        if list(network.scores) != names or len(network.disagree) != len(source_rows):
            raise LowlandError(
                f"networks: got {len(network.disagree)} rows and detectors {', '.join(network.scores)}; expected "
                f"{len(source_rows)} rows and {', '.join(names)}, as the first"
            )
        sources = source_numbers(source_rows, len(source_rows))
        checked = [checked_scores(each, network.disagree, "disagree") for each in network.scores.values()]
        scores, marked = np.stack([each.numpy() for each, _ in checked]), checked[0][1].numpy()
        few = any(len(np.unique(sources[kind])) < LEAST_POSITIVES for kind in (marked, ~marked))
        if few or not np.isfinite(scores).all():
            continue
        values.append(np.array([detection_auroc(each, network.disagree).value for each in network.scores.values()]))
        draws.append(resampled_areas(scores, marked, sources, keyed(*key)))
    if not values:
        return {name: (Estimate.missing("undefined"),) * 2 for name in names}
    mean, spread = np.mean(values, axis=0), np.mean(draws, axis=0)
    errors = np.nanstd(spread, axis=1, ddof=1), np.nanstd(spread[:1] - spread, axis=1, ddof=1)
    return {
        name: (
            Estimate(float(mean[place]), float(errors[0][place]), len(values)),
            Estimate(float(mean[0] - mean[place]), float(errors[1][place]), len(values)),
        )
        for place, name in enumerate(names)
    }


def share_among_least_sure(scores: Tensor, disagree: Tensor, *, share: float = 0.1) -> float:
    """Which part of the disagreements lies among the rows of which the network is least sure.

    Args:
        scores: [rows], higher where it is less sure.
        disagree: Where the network disagrees with its reference [rows].
        share: Of the rows that are looked at.

    Returns:
        ``share`` itself where the score tells nothing, 1 where all are found; NaN without a disagreement.

    Raises:
        LowlandError: Other forms, or a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise LowlandError(f"share: got {share}; expected a number between 0 and 1")
    values, marked = checked_scores(scores, disagree, "disagree")
    least = values.topk(max(1, round(share * len(values)))).indices
    total = int(marked.sum())
    return float(marked[least].sum()) / total if total else float("nan")
