"""Other shares of the classes, what a class looks like staying as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
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


def under_label_shift(held_out: HeldOut, ratio: float, *, generator: torch.Generator) -> HeldOut:
    """Held-out samples of which each half has other shares of the classes, the same in both as far as rows allow.

    Args:
        held_out: Samples whose targets are numbers of classes.
        ratio: Of the most frequent class to the rarest, see ``rows_under_label_shift``.
        generator: On the CPU.
    """
    state, rows = generator.get_state(), []
    for mask in held_out.halves.values():
        half = mask.nonzero().flatten()
        generator.set_state(state)  # the same classes become rare in both halves
        rows.append(half[rows_under_label_shift(held_out.samples.targets[mask], ratio, generator=generator)])
    kept = torch.zeros_like(held_out.selects)
    kept[torch.cat(rows)] = True
    return HeldOut(held_out.samples.at(kept), held_out.selects[kept])


def mean_under_priors(values: Tensor, targets: Tensor, priors: Tensor) -> Estimate:
    """What the mean of a value would be if the classes had other shares: Σ share · mean of the class.

    It holds where the shares alone change and what a class looks like does not.

    Args:
        values: A number of each sample [n], such as its score.
        targets: Numbers of classes [n].
        priors: Shares of the classes [classes], summing to 1.

    Returns:
        The mean with the standard error that the rows of each class give it; ``undefined`` where a class with a share
        has fewer than two rows.

    Source:
        Saerens et al. 2002, 10.1162/089976602753284446.
    """
    total, variance = 0.0, 0.0
    for number in priors.nonzero().flatten().tolist():
        chosen = values[targets == number].double()
        if len(chosen) < 2:
            return Estimate.missing("undefined")
        share = float(priors[number])
        total += share * float(chosen.mean())
        variance += share**2 * float(chosen.var(correction=1)) / len(chosen)
    return Estimate(total, variance**0.5, len(values))
