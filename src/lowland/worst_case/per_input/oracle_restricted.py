"""The best widths that bins of what layers read can tell: a tree of decisions, by dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.worst_case.budget import SLACK
from lowland.worst_case.per_input.observations import STATISTICS, Bins
from lowland.worst_case.per_input.tree_of_widths import WidthsTree

HALVINGS = 40


@dataclass(frozen=True)
class DecisionTree:
    """Widths by everything that was binned and chosen before: perfect recall, where enough rows show the same.

    Attributes:
        bins: Of what layers read.
        splits: By layer, for every beginning of widths and group of rows [choices^l, groups]: whether the layer's bin
            tells the group's rows apart.
        picks: By layer, the choice of every group after the split [choices^l, groups * bins].
    """

    bins: Bins
    splits: tuple[Tensor, ...]
    picks: tuple[Tensor, ...]

    def leaves(self, tree: WidthsTree) -> Tensor:
        """The leaf that every row of a tree is led to [rows].

        Args:
            tree: Of the same space, of any rows.
        """
        rows = torch.arange(tree.harms.shape[0])
        beginning, group = torch.zeros_like(rows), torch.zeros_like(rows)
        for layer, (splits, picks) in enumerate(zip(self.splits, self.picks, strict=True)):
            bins = _bins(tree, self.bins, layer)[beginning, rows]
            group = group * self.bins.number + bins * splits[beginning, group]
            beginning = beginning * len(tree.budget.choices) + picks[beginning, group]
        return beginning


@dataclass(frozen=True)
class RestrictedOracle:
    """The best decision tree for the rows that it was made of.

    Attributes:
        decisions: The tree; on its rows it meets the budget.
        drop: Its mean harm on its rows.
        bound: Mean harm there that no tree of the class exceeds (for the best: falls below).
    """

    decisions: DecisionTree
    drop: float
    bound: float


def restricted_oracle(tree: WidthsTree, bins: Bins, *, least: int = 20) -> RestrictedOracle:
    r"""The optimum among functions of the bins of all layers so far and the widths chosen so far, on a tree's rows.

    A group are rows that shared all bins and widths. Before a layer it is split by the layer's bin where every bin
    holds ``least`` of its rows, and otherwise chooses one width. Backwards from the last layer every group takes the
    width of which the sum over its rows is best. Within this class that is the optimum on these rows: exactly over
    single inputs; over all inputs for the gain with a multiplier on bits, the least one that was found to meet the
    mean, with the Lagrangian as a bound from above. Static policies are in the class; so is a table with the same bins
    where every group was split. A network of several statistics is not, and may do better. On rows that it was not made
    of it is a policy like others: what it loses there shows how much was learned by heart.

    Args:
        tree: Of searching rows.
        bins: Of what layers read.
        least: Rows in each bin for a group to be split.
    """
    sign = 1 if tree.budget.goal == "worst" else -1
    groups = _Groups(tree, bins, least)
    if tree.budget.over == "input":
        gains = tree.gains.masked_fill(tree.slack < -SLACK, -torch.inf)
        decisions, best = groups.decided(gains)
        return RestrictedOracle(decisions, sign * best, sign * best)

    def at(multiplier: float) -> tuple[DecisionTree, Tensor, float]:
        decisions, dual = groups.decided(tree.gains + multiplier * tree.slack)
        return decisions, decisions.leaves(tree), dual

    decisions, leaves, bound = at(0.0)
    if float(tree.slack[leaves].mean()) < -SLACK:
        low, high = 0.0, 1.0 + float(tree.harms.max() - tree.harms.min())
        while float(tree.slack[at(high)[1]].mean()) < -SLACK:
            high *= 2
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            _, leaves, dual = at(middle)
            bound = min(bound, dual)
            low, high = (middle, high) if float(tree.slack[leaves].mean()) < -SLACK else (low, middle)
        decisions, leaves, dual = at(high)
        bound = min(bound, dual)
    drop = float(tree.harms.gather(1, leaves[:, None]).mean())
    return RestrictedOracle(decisions, drop, sign * bound)


class _Groups:
    """Which rows cannot be told apart before each layer, after every beginning of widths."""

    def __init__(self, tree: WidthsTree, bins: Bins, least: int) -> None:
        self.tree, self.bins = tree, bins
        choices, rows = len(tree.budget.choices), tree.harms.shape[0]
        group = torch.zeros(1, rows, dtype=torch.int64)
        self.of_rows: list[Tensor] = []
        self.splits: list[Tensor] = []
        for layer in range(tree.budget.layers):
            finer = group * bins.number + _bins(tree, bins, layer)
            counts = torch.zeros(len(group), bins.number ** (layer + 1), dtype=torch.int64)
            counts.scatter_add_(1, finer, torch.ones_like(finer))
            split = (counts.view(len(group), -1, bins.number) >= least).all(2)
            group = torch.where(split.gather(1, group), finer, group * bins.number)
            self.splits.append(split)
            self.of_rows.append(group)
            group = group.repeat_interleave(choices, 0)

    def decided(self, gains: Tensor) -> tuple[DecisionTree, float]:
        """The best decisions for gains [rows, leaves], and the mean gain that they bring."""
        choices, rows = len(self.tree.budget.choices), len(gains)
        picks: list[Tensor] = []
        value = gains.T  # [beginnings one longer, rows]
        for layer in reversed(range(self.tree.budget.layers)):
            group = self.of_rows[layer]
            by_choice = value.reshape(len(group), choices, rows)
            sums = torch.zeros(len(group), choices, self.bins.number ** (layer + 1), dtype=gains.dtype)
            sums.scatter_add_(2, group[:, None].expand(-1, choices, -1), by_choice)
            best = sums.argmax(1)  # of equals the fewest bits
            picks.insert(0, best)
            value = by_choice.gather(1, best.gather(1, group)[:, None])[:, 0]
        return DecisionTree(self.bins, tuple(self.splits), tuple(picks)), float(value.mean())


def _bins(tree: WidthsTree, bins: Bins, layer: int) -> Tensor:
    """Every row's bin before a layer after every beginning [choices^l, rows]."""
    places = [list(STATISTICS).index(name) for name in bins.statistics]
    return torch.stack([bins.of_statistics(layer, seen[:, places]) for seen in tree.seen[layer]])
