"""The largest deviation that is found: by drawing members of the box, and by climbing from the best of them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lowland.certification.bounds import Bounds
from lowland.certification.confidence import assigned_classes, confidence, num_outputs
from lowland.certification.disturbances import (
    Disturbances,
    disturbed_inputs,
    disturbed_outputs,
    undisturbed,
    without_roundings,
)
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.randomness import generator

_ELEMENTS = 4_000_000
"""Numbers of disturbances that are held at once."""
_STARTS = 8
"""How many of the best samples are climbed from."""


def deviations(query: Query, row: int, disturbances: Disturbances) -> Tensor:
    """How far each member moves the confidence of its input's assigned class, with sign [members].

    Args:
        query: Whose network and boxes.
        row: Which of its rows.
        disturbances: The members.
    """
    reference = without_roundings(query.network)(disturbed_inputs(query, row, disturbances))
    classes = assigned_classes(reference.detach())
    outputs = disturbed_outputs(query, row, disturbances)
    return confidence(outputs, classes) - confidence(reference, classes)


def sampled(query: Query, options: MethodOptions) -> Bounds:
    """The largest deviation among members that are drawn: half of them corners of the box, half anywhere in it.

    Args:
        query: The question; of several rows the largest.
        options: How many are drawn, and until when.

    Returns:
        ``unknown``: nothing is proved from above.
    """
    num_outputs(query.network)
    largest = 0.0
    with torch.no_grad():
        for row in range(len(query)):
            for members in _drawn(query, row, options):
                largest = max(largest, float(deviations(query, row, members).abs().max()))
            if options.seconds_left == 0:
                break
    return _found(largest)


def searched(query: Query, options: MethodOptions) -> Bounds:
    """The largest deviation that projected gradient steps find from the best samples on; never below ``sampled``.

    Args:
        query: The question; of several rows the largest.
        options: How many are drawn, how many steps are taken, and until when.

    Returns:
        ``unknown``: nothing is proved from above.
    """
    num_outputs(query.network)
    largest = 0.0
    for row in range(len(query)):
        largest = max(largest, best_disturbance(query, row, options)[0])
        if options.seconds_left == 0:
            break
    return _found(largest)


def best_disturbance(query: Query, row: int, options: MethodOptions) -> tuple[float, Disturbances]:
    """The largest deviation that is found for a row, and the member that has it.

    Args:
        query: The question.
        row: Which of its rows.
        options: As for ``searched``.
    """
    best: tuple[float, Disturbances] = (0.0, undisturbed(query))
    kept: list[tuple[float, Disturbances]] = []
    with torch.no_grad():
        for members in _drawn(query, row, options):
            values = deviations(query, row, members)
            for signed in (values, -values):  # both directions are climbed
                order = signed.argsort(descending=True)[: _STARTS // 2]
                kept += [(float(values[place]), members[place : place + 1]) for place in order.tolist()]
    kept.sort(key=lambda pair: -abs(pair[0]))
    best = max(best, (abs(kept[0][0]), kept[0][1]), key=lambda pair: pair[0])
    ups = [pair for pair in kept if pair[0] > 0][: _STARTS // 2]
    downs = [pair for pair in kept if pair[0] <= 0][: _STARTS // 2]
    starts = [*ups, *downs]
    directions = torch.tensor([1.0] * len(ups) + [-1.0] * len(downs), dtype=torch.float64)
    first = starts[0][1]
    members = first.with_tensors(
        [torch.cat(parts) for parts in zip(*(start.tensors for _, start in starts), strict=True)]
    )
    for found, reached in _climbed(query, row, members, directions, options):
        best = max(best, (found, reached), key=lambda pair: pair[0])
    return best


def _climbed(
    query: Query, row: int, members: Disturbances, directions: Tensor, options: MethodOptions
) -> Iterator[tuple[float, Disturbances]]:
    """The best member after every step: sign steps of a size that shrinks, then all the way to the corners."""
    for step in range(options.num_steps):
        tensors = [tensor.detach().requires_grad_(True) for tensor in members.tensors]
        moved = members.with_tensors(tensors)
        values = deviations(query, row, moved)
        yield _best(values, moved)
        if options.seconds_left == 0:
            return
        gradients = torch.autograd.grad((values * directions).sum(), tensors, allow_unused=True)
        size = 2.0 if step % 4 == 3 else 0.5 * (1.0 - step / options.num_steps)
        members = members.with_tensors(
            [
                tensor.detach() if gradient is None else (tensor + size * gradient.sign()).clamp(-1.0, 1.0).detach()
                for tensor, gradient in zip(tensors, gradients, strict=True)
            ]
        )
    with torch.no_grad():
        yield _best(deviations(query, row, members), members)


def _best(values: Tensor, members: Disturbances) -> tuple[float, Disturbances]:
    place = int(values.detach().abs().argmax())
    chosen = members[place : place + 1]
    return float(values[place].detach().abs()), chosen.with_tensors([tensor.detach() for tensor in chosen.tensors])


def _drawn(query: Query, row: int, options: MethodOptions) -> Iterator[Disturbances]:
    """Members in portions that fit; the first is undisturbed; draws of a row do not depend on the others."""
    draws = generator(options.key, row)
    like = undisturbed(query)
    elements = sum(tensor.numel() for tensor in like.tensors)
    portion = max(2, min(options.num_samples, _ELEMENTS // max(elements, 1)))
    for first in range(0, options.num_samples, portion):
        count = min(portion, options.num_samples - first)
        tensors = []
        for tensor in like.tensors:
            uniform = torch.rand(count, *tensor.shape[1:], generator=draws, dtype=torch.float64) * 2 - 1
            corners = torch.arange(first, first + count).reshape(-1, *[1] * (tensor.ndim - 1)) % 2 == 1
            drawn = torch.where(corners, torch.where(uniform < 0, -1.0, 1.0), uniform)
            if first == 0:
                drawn[0] = 0.0
            tensors.append(drawn)
        yield like.with_tensors(tensors)
        if options.seconds_left == 0:
            return


def _found(largest: float) -> Bounds:
    return Bounds(min(largest, 1.0), 1.0, "unknown")
