"""A policy for each input that looks widths up by the bin that the row falls into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.per_input.input_policy import InputPolicy, allowed_choices, budget_from_spec, budget_spec
from lowland.worst_case.per_input.observations import Bins


@dataclass(frozen=True)
class TablePolicy(InputPolicy):
    """Widths by layer and bin; where a row could not meet its budget after one, the nearest after which it can.

    Attributes:
        budget: What is met.
        bins: Of what layers read.
        bits: By layer and bin.
    """

    kind: ClassVar[str] = "table"
    budget: Budget
    bins: Bins
    bits: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Refuses tables of another shape, and widths that are no choice."""
        shape = {len(row) for row in self.bits}
        if len(self.bits) != self.budget.layers or shape != {self.bins.number}:
            raise LowlandError(
                f"bits have {len(self.bits)} layers of {sorted(shape)} bins; expected {self.budget.layers} layers of "
                f"{self.bins.number}"
            )
        if strange := {width for row in self.bits for width in row} - set(self.budget.choices):
            raise LowlandError(f"bits have widths {sorted(strange)}; expected some of {list(self.budget.choices)}")

    @property
    def spec(self) -> dict[str, Any]:
        """Kind, budget, bins and widths."""
        bits = [list(row) for row in self.bits]
        return {"kind": self.kind, "budget": budget_spec(self.budget), "bins": self.bins.spec, "bits": bits}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> TablePolicy:
        """The policy of a spec."""
        bits = tuple(tuple(map(int, row)) for row in spec["bits"])
        return cls(budget_from_spec(spec["budget"]), Bins.from_spec(spec["bins"]), bits)

    def picks(self, layer: int, values: Tensor, chosen: Tensor) -> Tensor:
        """See ``InputPolicy``; of two that are equally near the narrower one."""
        wanted = torch.tensor(self.bits[layer])[self.bins.of_values(layer, values)]
        distance = (torch.tensor(self.budget.choices) - wanted[:, None]).abs().double()
        return distance.masked_fill(~allowed_choices(self.budget, chosen), torch.inf).argmin(1)


def constant_table(budget: Budget, bins: Bins, widths: Sequence[int]) -> TablePolicy:
    """The table that chooses the same widths for all rows."""
    return TablePolicy(budget, bins, tuple((width,) * bins.number for width in widths))
