"""Other shares of the classes, what a class looks like staying as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks.splits import HeldOut


def shifted_priors(num_classes: int, ratio: float) -> Tensor:
    """Shares [classes] that fall by equal factors from the first class to the last.

    Args:
        num_classes: At least 1.
        ratio: Of the first share to the last, at least 1; 1: all shares are equal.

    Source:
        Cui et al. 2019, arXiv 1901.05555 (long-tailed sets).
    """
    steps = torch.arange(num_classes, dtype=torch.float64) / max(1, num_classes - 1)
    weights = torch.tensor(ratio, dtype=torch.float64) ** -steps
    return weights / weights.sum()


def rows_under_label_shift(targets: Tensor, ratio: float, *, generator: torch.Generator) -> Tensor:
    """Numbers of some rows, in their order, whose classes have the shares of ``shifted_priors``.

    Which class is frequent and which is rare is drawn, and so are the rows of each class, none of them twice. There are
    as many as the rows allow. Classes without rows have no share.

    Args:
        targets: Numbers of classes [n].
        ratio: Of the most frequent class to the rarest.
        generator: On the CPU; equal ones draw equal rows.

    Raises:
        LowlandError: A ratio below 1, or so high that the rarest class would have less than one row.
    """
    if not 1 <= ratio < float("inf"):
        raise LowlandError(f"label_shift: ratio is {ratio:g}; expected a number of at least 1")
    classes, counts = torch.unique(targets.cpu(), return_counts=True)
    order = torch.randperm(len(classes), generator=generator)
    shares = shifted_priors(len(classes), ratio)
    size = float((counts[order] / shares).min())
    wanted = (size * shares).round().long().minimum(counts[order])
    if size * float(shares.min()) < 1 - 1e-9:
        fewest = int(counts.min())
        raise LowlandError(
            f"label_shift: ratio is {ratio:g}, with classes of {fewest} rows and more the rarest class would have "
            "none; expected a lower ratio, or more rows"
        )
    taken = []
    for place, count in zip(order.tolist(), wanted.tolist(), strict=True):
        rows = (targets.cpu() == classes[place]).nonzero().flatten()
        taken.append(rows[torch.randperm(len(rows), generator=generator)[:count]])
    return torch.cat(taken).sort().values


def kept_under_label_shift(held_out: HeldOut, ratio: float, *, generator: torch.Generator) -> Tensor:
    """A mask of held-out samples [n], each half of which then has other shares of the classes, the same in both.

    Args:
        held_out: Samples whose targets are numbers of classes.
        ratio: Of the most frequent class to the rarest, see ``rows_under_label_shift``.
        generator: On the CPU.
    """
    state, kept = generator.get_state(), torch.zeros_like(held_out.selects)
    for mask in held_out.halves.values():
        generator.set_state(state)  # the same classes become rare in both halves
        rows = rows_under_label_shift(held_out.samples.targets[mask], ratio, generator=generator)
        kept[mask.nonzero().flatten()[rows]] = True
    return kept
