"""Branch and bound: a question that bounds leave open is cut in two until they answer all parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lowland.certification.inputs import InputBox
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.linear_bounds import enclose
from lowland.certification.relaxation.tuned import relus, tuned_smallest
from lowland.quantization.graph.step import INPUTS

_AT_ONCE = 128
"""Parts that are bounded together."""
_FEW_INPUTS = 16
"""Up to so many inputs of some extent, boxes of inputs are cut before signs are."""
_SMALL = 1 / 8
"""Share of the whole box from which on signs are cut."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a question.

    Attributes:
        pair: Which row and objective.
        inputs: Its box [1, ...].
        signs: By the operation before a ReLU [1, *shape]: 1 where its result is at most 0 in this part, -1 where it is
            at least 0, 0 where nothing is said.
    """

    pair: int
    inputs: InputBox
    signs: dict[str, Tensor]


def positive_by_branching(
    query: Query,
    rows: Tensor,
    objectives: Tensor,
    options: MethodOptions,
    *,
    parts: int = 64,
    steps: int = 10,
) -> Tensor:
    """Whether sums of outputs are above 0 for everything that a query allows.

    Where few inputs have an extent, open parts are cut in the middle of one of them until they are small; then, and
    else at once, at the ReLU whose unknown sign costs the bound most. Open parts of all rows are bounded together.

    Args:
        query: The question.
        rows: Which row each sum is of [pairs].
        objectives: Its coefficients [pairs, outputs].
        options: Until when.
        parts: How many parts of one sum may stay unproved before it is given up.
        steps: Of the slopes and multipliers, for each part.

    Returns:
        ``True`` where it is proved [pairs]; ``False`` says nothing.
    """
    waiting = [Part(pair, query.inputs[slice(int(row), int(row) + 1)], {}) for pair, row in enumerate(rows)]
    unproved = torch.zeros(len(rows), dtype=torch.int64)
    given_up = torch.zeros(len(rows), dtype=torch.bool)
    while waiting and options.seconds_left != 0:
        batch, waiting = waiting[-_AT_ONCE:], waiting[:-_AT_ONCE]
        enclosure, limits = _enclosed(query, batch)
        chosen = objectives[torch.tensor([part.pair for part in batch])].unsqueeze(1)
        bounds, coefficients = tuned_smallest(enclosure, chosen, limits, steps=steps)
        for place in (~(bounds[:, 0] > 0)).nonzero()[:, 0].tolist():
            part = batch[place]
            unproved[part.pair] += 1
            whole = query.inputs[slice(row := int(rows[part.pair]), row + 1)]
            halves = _cut(enclosure, coefficients, place, part, whole) if unproved[part.pair] < parts else []
            given_up[part.pair] |= not halves
            waiting += halves
        waiting = [part for part in waiting if not given_up[part.pair]]
    given_up[[part.pair for part in waiting]] = True  # time is up
    return ~given_up


def _enclosed(query: Query, batch: list[Part]) -> tuple[Enclosure, dict[str, Interval]]:
    """The bounds of all parts, each under its limits."""
    boxes = InputBox(torch.cat([part.inputs.lower for part in batch]), torch.cat([part.inputs.upper for part in batch]))
    limits = {}
    for name in {name for part in batch for name in part.signs}:
        nothing = torch.zeros(1, *query.network.operations[name].shape, dtype=torch.float64)
        signs = torch.cat([part.signs.get(name, nothing) for part in batch])
        lower = torch.where(signs < 0, 0.0, -torch.inf)
        limits[name] = Interval(lower.to(torch.float64), torch.where(signs > 0, 0.0, torch.inf).to(torch.float64))
    return enclose(replace(query, inputs=boxes), "crown", limits), limits


def _cut(enclosure: Enclosure, coefficients: dict[str, Tensor], place: int, part: Part, whole: InputBox) -> list[Part]:
    """Two parts that together are this one; none where nothing is left to cut."""
    extent = part.inputs.upper - part.inputs.lower
    by_inputs = []
    if 0 < int((extent > 0).sum()) <= _FEW_INPUTS:
        factors = coefficients[INPUTS]
        by_inputs = _cut_inputs(part, factors[min(place, len(factors) - 1), 0])
        if float(extent.max()) > _SMALL * float((whole.upper - whole.lower).max()):
            return by_inputs
    return _cut_signs(enclosure, coefficients, place, part) or by_inputs


def _cut_inputs(part: Part, factors: Tensor) -> list[Part]:
    """Cut in the middle of the input whose extent moves the bound most."""
    extent = (part.inputs.upper - part.inputs.lower)[0]
    at = int(torch.where(extent > 0, extent * (factors.abs() + 1e-12), -1.0).argmax())
    lower, upper = part.inputs.lower.clone(), part.inputs.upper.clone()
    middle = part.inputs.center.flatten()[at]
    if not lower.flatten()[at] < middle < upper.flatten()[at]:
        return []
    lower.view(-1)[at] = upper.view(-1)[at] = middle
    return [
        replace(part, inputs=InputBox(part.inputs.lower, upper)),
        replace(part, inputs=InputBox(lower, part.inputs.upper)),
    ]


def _cut_signs(enclosure: Enclosure, coefficients: dict[str, Tensor], place: int, part: Part) -> list[Part]:
    """Cut at the ReLU whose lines cost the bound most."""
    best, name, at = 0.0, "", 0
    for relu, before in relus(enclosure).items():
        if before == INPUTS:  # their boxes say all there is to say of them
            continue
        values, factors = enclosure.intervals[before], coefficients[relu]
        low, high = values.lower[place].flatten(), values.upper[place].flatten()
        factor = factors[min(place, len(factors) - 1), 0].flatten()
        unknown = (low < 0) & (high > 0)
        span = torch.where(unknown, high - low, 1.0)
        # The height of the upper line at 0, or how far the better lower one lies below at an end.
        cost = factor.clamp(max=0).abs() * (-low * high / span) + factor.clamp(min=0) * torch.minimum(-low, high) / 2
        cost = torch.where(unknown, cost, 0.0)
        if float(cost.max()) > best:
            best, name, at = float(cost.max()), before, int(cost.argmax())
    if not name:
        return []
    known = part.signs.get(name, torch.zeros(1, *enclosure.intervals[name].lower.shape[1:], dtype=torch.float64))
    halves = []
    for sign in (1.0, -1.0):
        signs = known.clone()
        signs.view(-1)[at] = sign
        halves.append(replace(part, signs=part.signs | {name: signs}))
    return halves
