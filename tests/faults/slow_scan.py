"""The oracle of flips in a scan: every flip is computed along the whole sequence, in all samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from lowland.faults.layer_flips import Changes
from lowland.faults.measured_rows import MeasuredRows, Outcomes
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.loop import Place
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table

SAMPLES = 2**11  # samples of all flips that go through a loop at once: what the cache holds


def scan_flips(measured: MeasuredRows, scan: Scan, wanted: Mapping[str, Changes]) -> Iterator[Outcomes]:
    """What each flip of a tensor of a scan's body does.

    Many flips go through the loop at once, as samples of their own; what lies behind it is computed where it sees a
    difference.

    Args:
        measured: The samples.
        scan: Its body's layers with weights are linear.
        wanted: Changes by flips, by the names of ``scan.stored``.
    """
    prefix, steps, shown = measured.prefix, scan.steps, scan.loop.shown
    given = [prefix.values[source] for source in scan.inputs]
    every, clean = torch.arange(len(measured)), prefix.values[scan.name]
    width = prefix.width_behind(scan.name)
    flips_at_once = max(1, SAMPLES // len(every))
    for name, changes in wanted.items():
        inner, _, kind = name.partition(".")
        elements, positions, sizes = changes.at(torch.arange(scan.stored[name].codes.numel()))
        for some in torch.arange(len(elements)).split(flips_at_once):
            samples = every.repeat(len(some))
            hit, change = (values[some].repeat_interleave(len(every)) for values in (elements, sizes))
            compute = _Struck(steps[inner], kind, hit, change)
            states = scan.along(compute, [value[samples] for value in given], (shown,))[shown]
            differs = (states != clean[samples]).flatten(1).any(1)
            found = measured.clean[samples].clone()
            found[differs] = measured.after(
                lambda of, sight: prefix.outputs_after(of, {scan.name: sight}),
                samples[differs],
                states[differs],
                width=width,
            )
            found = found.reshape(len(some), *measured.clean.shape)
            tensor = f"{scan.name}.{name}"
            yield Outcomes.of(tensor, elements[some], positions[some], found, answers=measured.answers is not None)


class _Struck:
    """The carried results of a body's steps with a flip of its own in each sample.

    Args:
        step: The one that is hit.
        kind: Which of its tensors.
        hit: [samples] flat index of the element.
        change: [samples] of its code.
    """

    def __init__(self, step: Step, kind: str, hit: Tensor, change: Tensor) -> None:
        self._step, self._kind, self._hit, self._change = step, kind, hit, change

    def __call__(self, step: Step, given: list[Tensor], place: Place) -> Tensor:
        """A step's results.

        Args:
            step: Any of the body.
            given: What it takes.
            place: Where.
        """
        result = step.carried(*given)
        if step is not self._step:
            return result
        values, hit, change = given[0], self._hit, self._change.to(result.dtype)
        if isinstance(step, Table):
            looked_up = (values.to(torch.int64) - step.lowest).clamp(0, len(step.table) - 1)
            spread = [-1, *[1] * (values.ndim - 1)]
            return result + (looked_up == hit.reshape(spread)) * change.reshape(spread)
        assert isinstance(step, Linear)  # bodies hold no other words
        result, rows = result.clone(), torch.arange(len(hit))
        if self._kind == "bias":
            result[rows, ..., hit] += change.reshape(-1, *[1] * (result.ndim - 2))
            return result
        features = step.weight.shape[1]
        taken = values[rows, ..., hit % features].to(result.dtype)
        result[rows, ..., hit // features] += taken * change.reshape(-1, *[1] * (taken.ndim - 1))
        return result
