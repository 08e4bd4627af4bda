"""Sets of a task made of rows at hand."""

from __future__ import annotations

import torch

from lowland.tasks import HeldOut, Samples, Splits, halved


def splits_of(
    train: Samples, validation: Samples, landscape: Samples, held_out: Samples | HeldOut, zero: torch.Tensor
) -> Splits:
    """The sets, what is held out in two halves."""
    known = held_out if isinstance(held_out, HeldOut) else halved(held_out, key=("made",))
    return Splits({"train": train, "validation": validation, "landscape": landscape}, known, zero)


def all_in(rows: Samples, features: int | tuple[int, ...]) -> Splits:
    """The same rows in every set."""
    shape = (features,) if isinstance(features, int) else features
    return splits_of(rows, rows, rows, rows, torch.zeros(shape))
