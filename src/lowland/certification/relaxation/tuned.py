"""Linear bounds whose slopes and multipliers are chosen by their gradient."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lowland.certification.relaxation.elementwise import lines_of
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.linear_bounds import way_back
from lowland.certification.relaxation.tuning import Tuning

_RATE = 0.2
"""Of the steps, which Adam scales."""


def tuned_smallest(
    enclosure: Enclosure, objectives: Tensor, limits: Mapping[str, Interval] | None = None, *, steps: int = 20
) -> tuple[Tensor, dict[str, Tensor]]:
    """Lower bounds of sums of the outputs, made higher by gradient steps; the best bound of all steps counts.

    Slopes of the lines below ReLU and multipliers of limits are chosen for each objective (Xu et al. 2021, alpha-CROWN;
    Wang et al. 2021, beta-CROWN). The first bound is that of ``smallest``.

    Args:
        enclosure: Intervals of everything, under the limits.
        objectives: Coefficients [rows, objectives, outputs].
        limits: Those of the enclosure: results that stay on one side of 0.
        steps: How many are taken; each costs about three bounds.

    Returns:
        Bounds [rows, objectives], infinite for rows whose limits cannot be held; and coefficients of all
        operations' results, and of the inputs, at the start [rows or 1, objectives, *shape] by name.
    """
    tuning = _start(enclosure, objectives, limits or {})
    seen: dict[str, Tensor] = {}
    name = enclosure.query.network.output.name
    best = torch.full(objectives.shape[:2], -torch.inf, dtype=torch.float64)
    optimizer = torch.optim.Adam(tuning.tensors, lr=_RATE) if tuning.tensors else None
    for step in range(steps + 1 if optimizer is not None else 1):
        last = None
        for part in way_back(enclosure, objectives, name, tuning):
            best, last = best.maximum(part.bound.detach()), part.bound
            if step == 0:
                seen |= {source: found.detach() for source, found in part.pending.items()}
        if optimizer is None or step == steps:
            break
        assert last is not None
        optimizer.zero_grad()
        (-last.sum()).backward()
        optimizer.step()
        tuning.project()
    best = torch.where(enclosure.empty.unsqueeze(1), torch.inf, best)
    return best, seen


def relus(enclosure: Enclosure) -> dict[str, str]:
    """The operation before each ReLU, by the ReLU's name."""
    operations = enclosure.query.network.operations.values()
    return {operation.name: operation.inputs[0] for operation in operations if isinstance(operation.layer, nn.ReLU)}


def _start(enclosure: Enclosure, objectives: Tensor, limits: Mapping[str, Interval]) -> Tuning:
    operations = enclosure.query.network.operations
    slopes = {}
    for name in relus(enclosure):
        slope = lines_of(enclosure, operations[name]).lower_slope.unsqueeze(1)
        slopes[name] = slope.repeat(1, objectives.shape[1], *[1] * (slope.ndim - 2)).requires_grad_(True)
    signs = {
        name: (limit.upper <= 0).to(torch.float64) - (limit.lower >= 0).to(torch.float64)
        for name, limit in limits.items()
        if name in operations
    }
    multipliers = {
        name: torch.zeros(objectives.shape[:2] + sign.shape[1:], dtype=torch.float64, requires_grad=True)
        for name, sign in signs.items()
    }
    return Tuning(slopes, multipliers, signs)
