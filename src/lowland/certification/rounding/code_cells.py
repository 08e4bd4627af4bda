"""Bounds on deviations cell by cell of the input codes, in each of which the deployed outputs are numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

import torch
from torch import Tensor

from lowland.certification.inputs import InputBox
from lowland.certification.query import Query
from lowland.certification.relaxation.linear_bounds import enclose
from lowland.certification.rounding.deviation_search import Deviations
from lowland.certification.rounding.pair_bounds import SINGLE, Pair
from lowland.certification.weight_box import WeightBox

Side = tuple[int, int]
"""Index of an output, and 1 for deviations above 0 or -1 for those below."""

MOST_CELLS = 2**14
"""Of boxes with more codes the cells would take minutes."""

_CELLS, _WORST = 64, 64


def sides(pair: Pair, outputs: list[int]) -> dict[Side, float]:
    """What bounds prove of each side of some outputs' deviations."""
    lower, upper = pair.deviation_box()
    return {(place, sign): float((upper if sign > 0 else -lower)[place]) for place in outputs for sign in (1, -1)}


def by_cells(
    deviations: Deviations, proved: Mapping[Side, float], enough: Callable[[float, float], bool], deadline: float
) -> tuple[dict[Side, float], float]:
    """What is proved of both sides, and reached, with the float network enclosed over every cell of inputs of one code.

    The cells with the largest bounds are halved until they are close enough, or time is up.

    Args:
        deviations: Of both networks, with no more than ``MOST_CELLS`` codes.
        proved: What is known of the whole box.
        enough: Of an upper and a lower bound: whether they are.
        deadline: Until when, in seconds of ``time.monotonic``.

    Returns:
        Bounds of the same sides, none wider, and the largest deviation met in the middle of a cell.
    """
    codes = deviations.every_code()
    cells = _cells(deviations, codes)
    deployed = deviations.deployed(codes * deviations.step)
    bounds = torch.full((len(codes), len(proved)), float("inf"), dtype=torch.float64)
    reached, order = 0.0, list(proved)
    waiting = torch.arange(len(codes)).split(_CELLS)
    for part in waiting:
        if monotonic() > deadline:
            return dict(proved), reached
        bounds[part] = _bounds(deviations.pair, cells[part], deployed[part], order)
        reached = max(reached, _met(deviations, cells[part], order))
    while not enough(float(bounds.max()), reached) and monotonic() < deadline:
        worst = bounds.amax(1).topk(min(_WORST, len(bounds))).indices
        kept = torch.ones(len(bounds), dtype=torch.bool)
        kept[worst] = False
        halves, outputs = _halves(cells[worst]), deployed[worst].repeat(2, 1)
        found = torch.minimum(_bounds(deviations.pair, halves, outputs, order), bounds[worst].repeat(2, 1))
        reached = max(reached, _met(deviations, halves, order))
        cells, deployed = torch.cat([cells[kept], halves]), torch.cat([deployed[kept], outputs])
        bounds = torch.cat([bounds[kept], found])
    highest = bounds.amax(0).tolist()
    return {side: min(bound, new) for (side, bound), new in zip(proved.items(), highest, strict=True)}, reached


def _cells(deviations: Deviations, codes: Tensor) -> Tensor:
    """Both ends [codes, 2, inputs] of the inputs that have these codes, with room for float32, within the box."""
    sensor, step = deviations.pair.graph.sensor, deviations.step
    reach = 0.5 + SINGLE * (1 + codes.abs())
    lower = torch.where(codes <= sensor.lowest, deviations.lower, (codes - reach) * step)
    upper = torch.where(codes >= sensor.highest, deviations.upper, (codes + reach) * step)
    lower = lower.clamp(deviations.lower, deviations.upper)
    return torch.stack([lower, torch.maximum(lower, upper.clamp(deviations.lower, deviations.upper))], dim=1)


def _bounds(pair: Pair, cells: Tensor, deployed: Tensor, order: list[Side]) -> Tensor:
    """Upper bounds [cells, sides] of deviations from deployed outputs that are numbers."""
    lower, upper = (cells[:, end].reshape(-1, *pair.graph.row_shape) for end in (0, 1))
    query = Query(pair.real, WeightBox({}), InputBox(lower, upper))
    floats = enclose(query, "crown").intervals[pair.real.output.name]
    above, below = deployed - floats.lower.flatten(1), floats.upper.flatten(1) - deployed
    return torch.stack([(above if sign > 0 else below)[:, place] for place, sign in order], dim=1)


def _met(deviations: Deviations, cells: Tensor, order: list[Side]) -> float:
    """The largest deviation in the middle of a cell."""
    return float(deviations(cells.mean(1))[:, [place for place, _ in order]].abs().max())


def _halves(cells: Tensor) -> Tensor:
    """Every cell cut across its widest input [2 cells, 2, inputs]: all first halves, then all second ones."""
    rows, place = torch.arange(len(cells)), (cells[:, 1] - cells[:, 0]).argmax(1)
    left, right = cells.clone(), cells.clone()
    left[rows, 1, place] = right[rows, 0, place] = cells[rows, :, place].mean(1)
    return torch.cat([left, right])
