"""A policy for each input that asks a small network of what it observes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lowland.worst_case.budget import Budget
from lowland.worst_case.per_input.input_policy import InputPolicy, allowed_choices, budget_from_spec, budget_spec
from lowland.worst_case.per_input.observations import STATISTICS, Scales, observed
from lowland.worst_case.search.space import cheapest_sure

Affine = tuple[Tensor, Tensor]
"""Weight [out, in] and bias [out]."""


def observation(budget: Budget, scales: Scales, values: Tensor, chosen: Tensor) -> Tensor:
    """What a network is told before a layer [rows, observation_size], float32.

    Which layer it is, the statistics of what the layer reads in standard deviations, the place of every width chosen
    so far among the choices, how far the row is from missing the budget if all other layers do the least for the goal,
    and, last, which choices are allowed.

    Args:
        budget: Layers and choices.
        scales: Of the statistics.
        values: What the layer is about to code [rows, ...].
        chosen: Widths of the layers before [rows, layer].
    """
    rows, layer = chosen.shape
    choices = torch.tensor(budget.choices)
    following = torch.eye(budget.layers, dtype=torch.float64)[layer].expand(rows, -1)
    places = torch.zeros(rows, budget.layers, dtype=torch.float64)
    places[:, :layer] = (torch.searchsorted(choices, chosen) + 1) / len(choices)
    rest = torch.tensor(cheapest_sure(budget)[layer:]).expand(rows, -1)
    slack = (budget.mean(torch.cat([chosen, rest], 1)) - budget.mean_bits).abs() / max(1, int(choices[-1] - choices[0]))
    seen = scales.scaled(layer, observed(values))
    allowed = allowed_choices(budget, chosen).double()
    return torch.cat([following, seen, places, slack[:, None], allowed], 1).float()


def observation_size(budget: Budget) -> int:
    """Numbers in an observation."""
    return 2 * budget.layers + len(STATISTICS) + 1 + len(budget.choices)


@dataclass(frozen=True)
class NetworkPolicy(InputPolicy):
    """The allowed choice with the highest logit of a network with hyperbolic tangents.

    Attributes:
        budget: What is met.
        scales: Of the statistics.
        layers: Affine maps; between two of them a hyperbolic tangent.
        multiplier: Added to a logit for each bit that the choice adds to the mean; fitted on searching rows where the
            budget is over all inputs together.
    """

    kind: ClassVar[str] = "network"
    budget: Budget
    scales: Scales
    layers: tuple[Affine, ...]
    multiplier: float = 0.0

    @property
    def spec(self) -> dict[str, Any]:
        """Kind, budget, scales and weights."""
        return {
            "kind": self.kind,
            "budget": budget_spec(self.budget),
            "scales": [self.scales.mean.tolist(), self.scales.deviation.tolist()],
            "layers": [[weight.tolist(), bias.tolist()] for weight, bias in self.layers],
            "multiplier": self.multiplier,
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> NetworkPolicy:
        """The policy of a spec."""
        scales = Scales(*(torch.tensor(each, dtype=torch.float64) for each in spec["scales"]))
        layers = tuple((torch.tensor(weight), torch.tensor(bias)) for weight, bias in spec["layers"])
        return cls(budget_from_spec(spec["budget"]), scales, layers, float(spec["multiplier"]))

    @torch.no_grad()
    def picks(self, layer: int, values: Tensor, chosen: Tensor) -> Tensor:
        """See ``InputPolicy``; of equal logits the narrower choice."""
        hidden = observation(self.budget, self.scales, values, chosen)
        allowed = hidden[:, -len(self.budget.choices) :] > 0
        for number, (weight, bias) in enumerate(self.layers):
            hidden = torch.nn.functional.linear(torch.tanh(hidden) if number else hidden, weight, bias)
        share = self.budget.elements[layer] / sum(self.budget.elements)
        logits = hidden.double() + self.multiplier * share * torch.tensor(self.budget.choices)
        return logits.masked_fill(~allowed, -torch.inf).argmax(1)
