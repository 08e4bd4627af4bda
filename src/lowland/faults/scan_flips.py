"""Flips in tensors that a scan reads at every place: their effect is followed from the first place on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from lowland.faults.layer_flips import Changes
from lowland.faults.measured_rows import ITEMS, VALUES, MeasuredRows, Outcomes
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.loop import Place
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table


def scan_flips(measured: MeasuredRows, scan: Scan, wanted: Mapping[str, Changes]) -> Iterator[Outcomes]:
    """What each flip of a tensor of a scan's body does.

    Many flips go through the loop at once, as samples of their own; what lies behind it is computed where it sees a
    difference.

    Args:
        measured: The samples.
        scan: Its body's layers with weights are linear.
        wanted: Changes by flips, by the names of ``scan.stored``.
    """
    prefix, steps = measured.prefix, scan.steps
    given = [prefix.values[source] for source in scan.inputs]
    every, clean = torch.arange(len(measured)), prefix.values[scan.name]
    width = max(
        prefix.width_behind(scan.name), *(trace[0].numel() for trace in scan.traces("carried", *given).values())
    )
    flips_at_once = max(1, min(ITEMS, VALUES // width) // len(every))
    for name, changes in wanted.items():
        inner, _, kind = name.partition(".")
        elements, positions, sizes = changes.at(torch.arange(scan.stored[name].codes.numel()))
        for some in torch.arange(len(elements)).split(flips_at_once):
            samples = every.repeat(len(some))
            hit, change = (values[some].repeat_interleave(len(every)) for values in (elements, sizes))
            compute = partial(_with_flip, steps[inner], kind, hit, change)
            shown = scan.along(compute, *(value[samples] for value in given))[scan.loop.shown]
            differs = (shown != clean[samples]).flatten(1).any(1)
            found = measured.clean[samples].clone()
            found[differs] = measured.after(
                lambda of, sight: prefix.outputs_after(of, {scan.name: sight}),
                samples[differs],
                shown[differs],
                width=width,
            )
            found = found.reshape(len(some), *measured.clean.shape)
            tensor = f"{scan.name}.{name}"
            yield Outcomes.of(tensor, elements[some], positions[some], found, answers=measured.answers is not None)


def _with_flip(
    step: Step, kind: str, hit: Tensor, change: Tensor, at: Step, given: list[Tensor], place: Place
) -> Tensor:
    """A step's carried results, with a flip in each sample if it is the step that is hit.

    Args:
        step: The one that is hit.
        kind: Which of its tensors.
        hit: [samples] flat index of the element.
        change: [samples] of its code.
        at: The step to compute.
        given: What it takes.
        place: Where.
    """
    result = at.carried(*given)
    if at is not step:
        return result
    (values,) = given
    change = change.to(result.dtype)
    rows = torch.arange(len(hit))
    if isinstance(step, Table):
        looked_up = (values.to(torch.int64) - step.lowest).clamp(0, len(step.table) - 1)
        spread = [-1, *[1] * (values.ndim - 1)]
        return result + (looked_up == hit.reshape(spread)) * change.reshape(spread)
    assert isinstance(step, Linear)  # bodies hold no other words
    result = result.clone()
    if kind == "bias":
        result[rows, ..., hit] += change.reshape(-1, *[1] * (result.ndim - 2))
        return result
    features = step.weight.shape[1]
    taken = values[rows, ..., hit % features].to(result.dtype)
    result[rows, ..., hit // features] += taken * change.reshape(-1, *[1] * (taken.ndim - 1))
    return result
