"""Max-pooling: the largest of each window."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval, roundoff
from lowland.certification.windows import window_places


def maximum_interval(enclosure: Enclosure, operation: Operation) -> Interval:
    """The largest lower end and the largest upper end of each window: exact."""
    (values,) = enclosure.operands(operation)
    return Interval(operation.layer(values.lower), operation.layer(values.upper))


def maximum_pull(enclosure: Enclosure, operation: Operation, coefficients: Tensor) -> tuple[list[Tensor], Tensor]:
    """The largest of a window is no less than any of it, and no more than a sum of chords.

    With m the highest lower end in the window and h* the element that has it, max(h) >= h*. From above, max(h) is at
    most h* plus the sum of max(h_i - m, 0) over the others, each below its chord over [l_i, u_i]; where the highest
    upper end is less than this in the middle, it is taken instead. Windows whose largest element is sure are exact.

    Args:
        enclosure: Intervals of what comes before.
        operation: The pooling layer.
        coefficients: A [rows or 1, objectives, *shape].

    Returns:
        Coefficients of h, and the constant [rows, objectives].
    """
    (values,) = enclosure.operands(operation)
    places = window_places(operation.layer, values.lower.shape[1:])  # [results, window], -1 outside
    inside = places >= 0
    chosen = places.clamp(min=0)
    lower = values.lower.flatten(1)[:, chosen].masked_fill(~inside, -torch.inf)
    upper = values.upper.flatten(1)[:, chosen].masked_fill(~inside, -torch.inf)
    floor, best = lower.max(-1)  # [rows, results]
    is_best = functional.one_hot(best, places.shape[1]).bool()
    reaches = (upper > floor.unsqueeze(-1)) & ~is_best
    span = torch.where(reaches, upper - lower, 1.0)
    rise = torch.where(reaches, (upper - floor.unsqueeze(-1)) / span, 0.0)
    low = torch.where(reaches, lower, 0.0)
    top = upper.amax(-1)
    best_middle = (lower.gather(-1, best.unsqueeze(-1)) + upper.gather(-1, best.unsqueeze(-1))).squeeze(-1) / 2
    chords = best_middle + (rise * span / 2).sum(-1)
    flat = chords > top
    weights = torch.where(flat.unsqueeze(-1), 0.0, rise + is_best)
    share = roundoff(coefficients.shape[2:].numel() + places.shape[1])
    size = torch.where(inside, torch.maximum(lower.abs(), upper.abs()), 0.0)
    slack = share * ((weights * size).sum(-1) + size.amax(-1))
    intercept = torch.where(flat, top, -(rise * low).sum(-1)) + slack

    flat_coefficients = coefficients.flatten(2)
    positive, negative = flat_coefficients.clamp(min=0), flat_coefficients.clamp(max=0)
    rows, objectives = len(values.lower), coefficients.shape[1]
    pulled = positive.new_zeros(rows, objectives, values.lower[0].numel())
    for place in range(places.shape[1]):
        share_of = positive * (is_best[..., place]).unsqueeze(1) + negative * weights[..., place].unsqueeze(1)
        pulled.index_add_(2, chosen[:, place], share_of * inside[:, place])
    constant = (negative * intercept.unsqueeze(1)).sum(-1)
    # Elements of overlapping windows are summed.
    sizes = values.size.flatten(1).unsqueeze(1)
    constant = constant - share * _spread(positive - negative, is_best | (weights != 0), sizes, chosen, inside)
    return [pulled.unflatten(2, values.lower.shape[1:])], constant


def _spread(amounts: Tensor, used: Tensor, sizes: Tensor, chosen: Tensor, inside: Tensor) -> Tensor:
    """The sum of the sizes of all products of a pull."""
    total = torch.zeros(1, dtype=amounts.dtype)
    for place in range(chosen.shape[1]):
        taken = (used[..., place] & inside[:, place]).unsqueeze(1) * sizes[..., chosen[:, place]]
        total = total + (amounts * taken).sum(-1)
    return total
