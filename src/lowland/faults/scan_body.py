"""The body of a scan in float64: the carried integers of its steps, computed for many samples without detours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from lowland.quantization.graph.joining_steps import Add, Multiply
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.moving_steps import Slice
from lowland.quantization.graph.rounding_steps import EXACT_BITS, Requantize
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table

Compute = Callable[..., Tensor]

ITEMS = 2**10  # samples whose numbers the cache holds


class ScanBody:
    """The steps of a body that are not computed ahead.

    All carried integers are exact in float64, so that conversions between the carriers can be left out; roundings are
    those of ``Requantize.carried``.

    Args:
        scan: Whose body it is.
    """

    def __init__(self, scan: Scan) -> None:
        self.loop = scan.loop
        self.inputs_of = {name: inputs for name, inputs in scan.inputs_of.items() if name not in scan.ahead}
        self._compute = {name: _computed(scan.steps, name) for name in self.inputs_of}

    def states(
        self,
        known: Mapping[str, Tensor],
        struck: tuple[str, Callable[[Tensor, Tensor, slice], Tensor]] | None,
    ) -> dict[str, Tensor]:
        """The next states by the names of the steps that give them.

        Args:
            known: The last states, and what was computed ahead, at one place [items, ...], float64.
            struck: A step and what its results are instead, from these, what it takes, and which of the items it is.
        """
        sources = tuple(dict.fromkeys(self.loop.states.values()))
        parts: dict[str, list[Tensor]] = {source: [] for source in sources}
        number = len(next(iter(known.values())))
        for start in range(0, number, ITEMS):
            some = slice(start, min(start + ITEMS, number))
            at = {name: value[some] for name, value in known.items()}
            for name, inputs in self.inputs_of.items():
                given = [at[source] for source in inputs]
                at[name] = self._compute[name](*given)
                if struck is not None and name == struck[0]:
                    at[name] = struck[1](at[name], given[0], some)
            for source in sources:
                parts[source].append(at[source])
        return {source: torch.cat(part) for source, part in parts.items()}


def _computed(steps: Mapping[str, Step], name: str) -> Compute:
    """The carried results of a step in float64."""
    step = steps[name]

    def carried(*values: Tensor) -> Tensor:
        return step.carried(*values).to(torch.float64)

    if isinstance(step, Linear) and step.accumulator_bits < EXACT_BITS:
        weight = step.weight.to(torch.float64).T.contiguous()
        if step.bias is None:
            return lambda values: values @ weight
        bias = step.bias.to(torch.float64)
        return lambda values: torch.addmm(bias, values, weight)
    if type(step) is Requantize:
        reach = max(-step.lowest, step.highest).bit_length()
        if int(step.shift.max()) + max(step.bits, reach) > EXACT_BITS - 1:
            return carried
        ratio = torch.ldexp(step.multiplier.to(torch.float64), -step.shift)
        return lambda values: (values * ratio).round_().clamp_(step.lowest, step.highest)
    if type(step) is Table and _covers(step, steps[step.inputs[0]]):
        entries = step.table.to(torch.float64).roll(step.lowest)  # negative codes count from the end
        return lambda codes: entries.take(codes.to(torch.int64))
    if type(step) is Slice:
        return step.carried
    if type(step) is Add:
        return lambda *values: values[0] + values[1] if len(values) == 2 else carried(*values)
    if type(step) is Multiply:
        return torch.mul
    return carried


def _covers(table: Table, source: Step) -> bool:
    """Whether a table has an entry for every code that a step rounds to, and negative ones where they wrap around."""
    if type(source) is not Requantize:
        return False
    return table.lowest <= min(source.lowest, 0) and source.highest < table.lowest + len(table.table)
