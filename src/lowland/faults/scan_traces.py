"""What an unchanged scan computes at every place, and what its body takes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lowland.quantization.graph.loop import before
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.table_step import Table

ByName = dict[str, Tensor]


class CleanScan:
    """The unchanged scan on some samples.

    Args:
        scan: The step.
        given: What it takes: the sequence and, where places are padded, their marks.
    """

    def __init__(self, scan: Scan, given: Sequence[Tensor]) -> None:
        self.scan, self.loop = scan, scan.loop
        sequence, *marks = given
        self.samples, self.places = sequence.shape[:2]
        self.sources = tuple(dict.fromkeys(self.loop.states.values()))
        self.shown = self.loop.shown
        self._traces = scan.along(lambda step, values, place: step.carried(*values), given)
        self._traces[INPUTS] = sequence
        for state, source in self.loop.states.items():
            self._traces[state] = before(self._traces[source], reverse=self.loop.reverse)
        taken = {name for step in scan.steps.values() if step.name not in scan.ahead for name in step.inputs}
        self.ahead = tuple(name for name in (INPUTS, *scan.ahead) if name in taken)
        padded = torch.eq(marks[0], self.loop.padding) if marks and self.loop.padding is not None else None
        self._padded = padded
        every = torch.ones(self.samples, self.places, dtype=torch.bool)
        self.live_places = every if padded is None else ~padded
        self._looked_up: dict[str, Tensor] = {}

    @property
    def order(self) -> Sequence[int]:
        """The places in the order in which states pass through them."""
        places = range(self.places)
        return places[::-1] if self.loop.reverse else places

    def of(self, name: str) -> Tensor:
        """A step's results, or the states that are taken, [samples, places, ...]."""
        return self._traces[name]

    def looked_up(self, table: Table, entry: int) -> Tensor:
        """Where a table's entry is looked up [samples, places]."""
        if table.name not in self._looked_up:
            codes = self.of(table.inputs[0]).to(torch.int64) - table.lowest
            places = torch.arange(self.samples * self.places).repeat_interleave(codes.shape[-1])
            found = torch.zeros(len(table.table), self.samples * self.places, dtype=torch.bool)
            found[codes.clamp(0, len(table.table) - 1).flatten(), places] = True
            self._looked_up = {table.name: found.reshape(-1, self.samples, self.places)}  # of one table at a time
        return self._looked_up[table.name][entry]

    def known(self, samples: Tensor, place: int) -> ByName:
        """What the body takes from elsewhere at a place [items, ...], float64."""
        return {name: self.of(name)[samples, place].to(torch.float64) for name in self.ahead}

    def last_states(self, samples: Tensor, place: int) -> ByName:
        """The states that a place takes, by their names."""
        return {state: self.of(state)[samples, place].to(torch.float64) for state in self.loop.states}

    def results(self, samples: Tensor, place: int) -> ByName:
        """The states that a place gives, by the steps that give them."""
        return {source: self.of(source)[samples, place].to(torch.float64) for source in self.sources}

    def no_states(self) -> ByName:
        """States of no items."""
        return {state: torch.zeros(0, self.loop.size, dtype=torch.float64) for state in self.loop.states}

    def no_results(self) -> ByName:
        """Results of no items."""
        return {source: torch.zeros(0, self.loop.size, dtype=torch.float64) for source in self.sources}

    def joined(self, first: Mapping[str, Tensor], last: Mapping[str, Tensor]) -> ByName:
        """Items, and further ones."""
        return {name: torch.cat([value, last[name]]) for name, value in first.items()}

    def kept(self, after: ByName, states: Mapping[str, Tensor], samples: Tensor, place: int) -> ByName:
        """The results, the last states where padding keeps them."""
        if self._padded is None:
            return after
        stays = self._padded[samples, place, None]
        last = {source: states[state] for state, source in self.loop.states.items()}
        return {source: torch.where(stays, last[source], values) for source, values in after.items()}

    def as_states(self, after: Mapping[str, Tensor], chosen: Tensor) -> ByName:
        """Results of some items as the next place takes them."""
        return {state: after[source][chosen] for state, source in self.loop.states.items()}
