"""Which rows are added to the training rows: disagreements, or as many drawn at random."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.randomness import Key, generator

Arm = Literal["disagreements", "random"]
ARMS: tuple[Arm, ...] = get_args(Arm)


def added_rows(disagree: Tensor, *, most: int, key: tuple[Key, ...]) -> dict[Arm, Tensor]:
    """Numbers of the rows that each arm adds; both add as many.

    Args:
        disagree: Which rows of the pool the deployed network answers otherwise than its float network [rows].
        most: Rows at most.
        key: Keys the order in which rows are drawn; the random ones of equal keys are nested.

    Returns:
        Numbers [added], ascending. The random ones are of the whole pool, disagreements among them.
    """
    order = torch.randperm(len(disagree), generator=generator(*key, "rows"))
    differing = order[disagree[order]][:most]
    return {"disagreements": differing.sort().values, "random": order[: len(differing)].sort().values}
