"""Policies that choose widths for each row by itself, within a budget that is met exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.worst_case.budget import Budget
from lowland.worst_case.policies import Chooser
from lowland.worst_case.search.space import cheapest_sure
from lowland.worst_case.subject import PolicySubject


def allowed_choices(budget: Budget, chosen: Tensor) -> Tensor:
    """Choices of the next layer [rows, choices] after which every row can still meet the budget for itself.

    Over all inputs together nothing is forbidden to a single row.

    Args:
        budget: Choices and mean.
        chosen: Widths of the layers before [rows, layers so far].
    """
    rows, layer = chosen.shape
    if budget.over == "inputs":
        return torch.ones(rows, len(budget.choices), dtype=torch.bool)
    rest = torch.tensor(cheapest_sure(budget)[layer + 1 :], dtype=chosen.dtype).expand(rows, -1)
    whole = [torch.cat([chosen, torch.full((rows, 1), width), rest], 1) for width in budget.choices]
    return budget.met(torch.stack(whole, 1))


class InputPolicy(ABC):
    """A policy that is told what a layer is about to code and which widths the row has had.

    Attributes:
        budget: What it meets: over ``input`` every row, whatever it is asked to choose.
    """

    budget: Budget

    @abstractmethod
    def picks(self, layer: int, values: Tensor, chosen: Tensor) -> Tensor:
        """Numbers of allowed choices [rows].

        Args:
            layer: Number of the layer.
            values: What it is about to code [rows, ...].
            chosen: Widths of the layers before [rows, layer].
        """

    def chooser(self) -> Chooser:
        """A chooser for one batch; a layer that computes twice keeps the width that it had first."""
        return self.recorder()[0]

    def recorder(self) -> tuple[Chooser, list[Tensor]]:
        """A chooser, and the widths [rows] that it chose, layer by layer."""
        kept: list[Tensor] = []
        choices = torch.tensor(self.budget.choices)

        def choose(layer: int, values: Tensor) -> Tensor:
            if layer == len(kept):
                nothing = torch.empty(len(values), 0, dtype=torch.int64)
                chosen = torch.stack(kept, 1) if kept else nothing
                if len(chosen) != len(values):
                    raise LowlandError(
                        f"policy sees {len(values)} rows at layer {layer}, {len(chosen)} before; expected the same "
                        "rows in every layer: use a static policy"
                    )
                kept.append(choices[self.picks(layer, values, chosen)])
            return kept[layer]

        return choose, kept


def budget_spec(budget: Budget) -> dict[str, Any]:
    """A budget, jsonable."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(budget).items()}


def budget_from_spec(spec: Mapping[str, Any]) -> Budget:
    """The budget of a spec."""
    return Budget(
        tuple(map(int, spec["choices"])),
        float(spec["mean_bits"]),
        tuple(map(int, spec["elements"])),
        goal=spec["goal"],
        over=spec["over"],
    )


def check_rows(subject: PolicySubject) -> None:
    """Refuses networks whose answer to a row depends on the rows beside it.

    Raises:
        LowlandError: Scales are of whole batches, so that widths of one row would change what others compute.
    """
    network = subject.network
    if isinstance(network, DynamicNetwork) and network.depends_on_batch:
        raise LowlandError(
            f"runtime is {network.arithmetic.name!r}, which scales whole batches; expected one that scales every row "
            "for itself, such as litert or torchao, for policies that choose for each input"
        )
