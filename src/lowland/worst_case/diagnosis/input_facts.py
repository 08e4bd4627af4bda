"""What every input shows of itself: how sure the network is of it, and how far its largest numbers lie above others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.worst_case.crest import crest_factor
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.subject import PolicySubject


@dataclass(frozen=True)
class LayerFacts:
    """Of each input, by layer, what the layer reads from it when no policy acts.

    Attributes:
        layers: Names of those that see as many rows as the network does.
        ranges: Largest magnitude [rows, layers], in the unit of what the layer reads.
        crests: The same over the root mean square [rows, layers]; 1 where all numbers are 0.
    """

    layers: tuple[str, ...]
    ranges: Tensor
    crests: Tensor

    def highest_crest(self) -> Tensor:
        """Of all layers [rows]."""
        return self.crests.amax(1)

    def largest_range(self) -> Tensor:
        """Of all layers, each in units of its mean over rows [rows]; a layer that reads zeros alone counts as 0."""
        mean = self.ranges.mean(0)
        return (self.ranges / mean.where(mean > 0, 1.0)).amax(1)


@torch.no_grad()
def layer_facts(subject: PolicySubject, inputs: Tensor) -> LayerFacts:
    """Ranges and crest factors of rows; a layer that is called twice counts with the larger of both.

    Args:
        subject: The network.
        inputs: [rows, ...].
    """
    rows = len(inputs)
    ranges: dict[int, Tensor] = {}
    crests: dict[int, Tensor] = {}

    def look(number: int, values: Tensor) -> int:
        if len(values) == rows:
            largest, crest = values.flatten(1).double().abs().amax(1), crest_factor(values).clamp_min(1.0)
            ranges[number] = torch.maximum(ranges.get(number, largest), largest)
            crests[number] = torch.maximum(crests.get(number, crest), crest)
        return subject.own_bits[number]

    subject(inputs, look)
    seen = sorted(ranges)
    if not seen:
        nothing = torch.zeros(rows, 0, dtype=torch.float64)
        return LayerFacts((), nothing, nothing)
    columns = (torch.stack([found[number] for number in seen], 1) for found in (ranges, crests))
    return LayerFacts(tuple(subject.layers[number] for number in seen), *columns)


def margins(problem: PolicyProblem, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """How far the class that a network names leads, without a policy and under one, in units of its outputs.

    Args:
        problem: Whose outputs without a policy name the class.
        outputs: Under a policy [rows, classes].

    Returns:
        The lead [rows] without the policy, 0 at least, and the lead of the same class under it, negative where another
        class is ahead and minus infinity where an output is not finite.
    """
    named = problem.reference.argmax(1, keepdim=True)

    def lead(values: Tensor) -> Tensor:
        others = values.double().scatter(1, named, -torch.inf).amax(1)
        return values.double().gather(1, named)[:, 0] - others

    under = torch.where(outputs.isfinite().all(1), lead(outputs), -torch.inf)
    return lead(problem.reference), under


def names_classes(problem: PolicyProblem) -> bool:
    """Whether outputs are [rows, classes] of which the highest is named, by targets that are whole numbers [rows]."""
    targets, outputs = problem.targets, problem.reference
    return targets.ndim == 1 and not targets.is_floating_point() and outputs.ndim == 2 and outputs.shape[1] > 1
