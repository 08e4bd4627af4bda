"""Outputs, targets and scores of the same rows, checked before anything is computed of them."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.errors import LowlandError


def checked_logits(logits: Tensor, name: str) -> int:
    """The number of classes of outputs [rows, classes].

    Raises:
        LowlandError: They are none.
    """
    if logits.ndim != 2 or logits.shape[1] < 2 or not len(logits):
        raise LowlandError(f"{name}: got shape {tuple(logits.shape)}; expected [rows, classes], two classes or more")
    return logits.shape[1]


def checked_targets(targets: Tensor, logits: Tensor) -> Tensor:
    """Targets [rows] that are classes of these outputs [rows, classes].

    Raises:
        LowlandError: They are not.
    """
    rows, classes = logits.shape
    if targets.shape != (rows,) or targets.is_floating_point():
        raise LowlandError(
            f"targets: got {targets.dtype} of shape {tuple(targets.shape)}; expected {rows} whole numbers"
        )
    if int(targets.min()) < 0 or int(targets.max()) >= classes:
        raise LowlandError(
            f"targets: got classes {int(targets.min())} to {int(targets.max())}; expected 0 to {classes - 1}, the "
            "outputs of the network"
        )
    return targets


def checked_scores(scores: Tensor, marked: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Scores [rows] in float64 and a mask [rows] of the same rows.

    Args:
        scores: One number a row.
        marked: True or false (or 1 and 0) a row.
        name: Of the mask.

    Raises:
        LowlandError: Other forms, or a mask with other values.
    """
    if scores.ndim != 1 or scores.shape != marked.shape or not len(scores):
        raise LowlandError(
            f"scores and {name}: got shapes {tuple(scores.shape)} and {tuple(marked.shape)}; expected twice the same "
            "[rows]"
        )
    if marked.dtype != torch.bool and not bool(((marked == 0) | (marked == 1)).all()):
        raise LowlandError(f"{name}: got other values than true and false; expected a mask of the rows")
    return scores.detach().double(), marked.bool()
