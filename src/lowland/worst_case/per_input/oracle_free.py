"""The worst widths of every row for one who knows how it ends: what no policy can surpass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.worst_case.budget import SLACK
from lowland.worst_case.per_input.tree_of_widths import WidthsTree

HALVINGS = 60


@dataclass(frozen=True)
class FreeOracle:
    """The best widths of every row.

    Attributes:
        leaves: Number of each row's leaf [rows], together within the budget.
        harms: What they do [rows].
        bound: Mean harm that no choice of widths within the budget exceeds (for the best: falls below); over single
            inputs it is reached.
    """

    leaves: Tensor
    harms: Tensor
    bound: float


def free_oracle(tree: WidthsTree) -> FreeOracle:
    r"""The free oracle of a tree's rows.

    Over single inputs it is the best leaf of every row among those that meet the mean. Over all inputs it is a multiple
    choice knapsack: with gain g and slack s (bits beyond the mean) of row r at leaf w,

    .. math:: \max_{w} \frac1R \sum_r g_{r w_r} \;\text{s.t.}\; \sum_r s_{w_r} \ge 0
        \;\le\; \min_{\mu \ge 0} \frac1R \sum_r \max_w (g_{rw} + \mu s_w),

    a bound that is off by less than what a single row can change, over R. Leaves from below: those of the least
    multiplier that meets the mean, then rows moved to the leaves of the one before while the mean allows.

    Args:
        tree: Harms of all leaves.

    Source: Sinha & Zoltners 1979, Operations Research 27, 503.
    """
    sign = 1 if tree.budget.goal == "worst" else -1
    if tree.budget.over == "input":
        gains = tree.gains.masked_fill(tree.slack < -SLACK, -torch.inf)
        leaves = gains.argmax(1)
        harms = _of(tree.harms, leaves)
        return FreeOracle(leaves, harms, float(harms.mean()))
    low, high = 0.0, _enough(tree)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _meets(tree, _best(tree, middle)) else (middle, high)
    bound = min(_dual(tree, multiplier) for multiplier in (0.0, low, high))
    best = _best(tree, 0.0)
    leaves = best if _meets(tree, best) else _moved(tree, _best(tree, high), _best(tree, low))
    return FreeOracle(leaves, _of(tree.harms, leaves), sign * bound)


def _enough(tree: WidthsTree) -> float:
    """A multiplier at which every row takes a leaf of the most slack, whatever that gains."""
    steps = tree.slack.unique().diff()
    least = float(steps[steps > SLACK].min()) if (steps > SLACK).any() else 1.0
    return 1 + float(tree.harms.max() - tree.harms.min()) / least


def _best(tree: WidthsTree, multiplier: float) -> Tensor:
    """Every row's leaf by its Lagrangian [rows]."""
    return (tree.gains + multiplier * tree.slack).argmax(1)


def _dual(tree: WidthsTree, multiplier: float) -> float:
    return float((tree.gains + multiplier * tree.slack).amax(1).mean())


def _meets(tree: WidthsTree, leaves: Tensor) -> bool:
    return float(tree.slack[leaves].mean()) >= -SLACK


def _moved(tree: WidthsTree, leaves: Tensor, wanted: Tensor) -> Tensor:
    """Rows moved to leaves that gain more, those first that gain most for the slack, while the mean is met."""
    gained = _of(tree.gains, wanted) - _of(tree.gains, leaves)
    spent = tree.slack[leaves] - tree.slack[wanted]
    order = (gained / spent.clamp_min(SLACK)).argsort(descending=True, stable=True)
    moved, left = leaves.clone(), float(tree.slack[leaves].sum())
    for row in order[gained[order] > 0].tolist():
        if spent[row] <= left + SLACK:
            moved[row], left = wanted[row], left - float(spent[row])
    return moved


def _of(values: Tensor, leaves: Tensor) -> Tensor:
    """Each row's value at its leaf [rows]."""
    return values.gather(1, leaves[:, None])[:, 0]
