"""Sets of a task made of rows at hand."""

from __future__ import annotations

import torch

from lowland.tasks import HeldOut, Rows, Splits, halved


def splits_of(train: Rows, validation: Rows, landscape: Rows, held_out: Rows | HeldOut, zero: torch.Tensor) -> Splits:
    """The sets, what is held out in two halves."""
    known = held_out if isinstance(held_out, HeldOut) else halved(held_out, key=("made",))
    return Splits({"train": train, "validation": validation, "landscape": landscape}, known, zero)


def all_in(rows: Rows, features: int | tuple[int, ...]) -> Splits:
    """The same rows in every set."""
    shape = (features,) if isinstance(features, int) else features
    return splits_of(rows, rows, rows, rows, torch.zeros(shape))
