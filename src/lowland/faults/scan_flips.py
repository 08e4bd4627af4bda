"""Flips in tensors that a scan reads at every place: samples are followed along the sequence where states differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from lowland.faults.channel_trace import channel_trace
from lowland.faults.layer_flips import Changes
from lowland.faults.measured_rows import MeasuredRows, Outcomes
from lowland.faults.scan_body import ScanBody
from lowland.faults.scan_traces import CleanScan
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.table_step import Table

NUMBERS = 2**21  # samples times places of the flips that are followed together

Strike = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A step's results [items, ...], what it takes, and which items -> the results with each item's flip."""


def scan_flips(measured: MeasuredRows, scan: Scan, wanted: Mapping[str, Changes]) -> Iterator[Outcomes]:
    """What each flip of a tensor of a scan's body does.

    All flips of one output channel, or of one entry of a table, are followed together, each in samples of its own. From
    unchanged states a flip changes one channel, which is computed for all places at once; where that reaches no state
    the sample goes on unchanged. The body is computed again for samples whose states differ, until they are the same
    again; what lies behind the scan where it sees a difference.

    Args:
        measured: The samples.
        scan: Its body's layers with weights are linear.
        wanted: Changes by flips, by the names of ``scan.stored``.
    """
    if not wanted:
        return
    clean, body = CleanScan(scan, [measured.prefix.values[source] for source in scan.inputs]), ScanBody(scan)
    at_once = max(1, NUMBERS // (clean.samples * clean.places))
    for name, changes in wanted.items():
        inner, _, kind = name.partition(".")
        step = scan.steps[inner]
        assert isinstance(step, Linear | Table)  # bodies hold no other words
        for places in _together(step, kind, len(scan.stored[name].codes.flatten())):
            sources, positions, sizes = changes.at(places)
            elements = places[sources]
            for some in torch.arange(len(elements)).split(at_once) if len(elements) else ():
                found = _followed(clean, body, (inner, kind), elements[some], sizes[some])
                metric = _measured(measured, scan, found, len(some))
                tensor = f"{scan.name}.{name}"
                yield Outcomes.of(tensor, elements[some], positions[some], metric, answers=measured.answers is not None)


def _together(step: Linear | Table, kind: str, size: int) -> Iterator[Tensor]:
    """Flat indices of elements that act in one channel, or of one entry."""
    width = step.weight.shape[1] if isinstance(step, Linear) and kind == "weight" else 1
    yield from torch.arange(size).split(width)


def _measured(measured: MeasuredRows, scan: Scan, found: tuple[Tensor, Tensor], flips: int) -> Tensor:
    """The metric [flips, samples, ...] where the scan shows something else in some items, by flip and sample."""
    items, shown = found
    prefix, samples = measured.prefix, len(measured)
    metric = measured.clean.expand(flips, *measured.clean.shape).flatten(0, 1).clone()
    if len(items):
        metric[items] = measured.after(
            lambda of, sight: prefix.outputs_after(of, {scan.name: sight}),
            items % samples,
            shown,
            width=prefix.width_behind(scan.name),
        )
    return metric.reshape(flips, *measured.clean.shape)


def _followed(
    clean: CleanScan, body: ScanBody, hit: tuple[str, str], elements: Tensor, sizes: Tensor
) -> tuple[Tensor, Tensor]:
    """Items (flip times samples plus sample) in which the scan shows something else, and what [items, places, ...].

    Args:
        clean: The unchanged scan.
        body: Computes its next states.
        hit: Step and kind of the tensor.
        elements: [flips] flat index of the element.
        sizes: [flips] change of its code.
    """
    flips, samples = len(elements), clean.samples
    step = clean.scan.steps[hit[0]]
    assert isinstance(step, Linear | Table)
    strike = _strike(step, hit[1], elements, sizes, samples)
    single: dict[str, tuple[int, Tensor]] | None = None
    if isinstance(step, Linear):
        channel, changed = _accumulators(clean, step, hit[1], elements, sizes)
        single = channel_trace(clean.scan, clean.of, step.name, channel, changed)
        visible = changed != clean.of(step.name)[..., channel]
    else:
        visible = clean.looked_up(step, int(elements[0])).expand(flips, -1, -1)
    if single is not None:
        differs = torch.zeros(flips, samples, clean.places, dtype=torch.bool)
        for source in clean.sources:
            if source in single:
                differs |= single[source][1] != clean.of(source)[..., single[source][0]]
        visible = differs
    assert single is not None or hit[0] not in clean.scan.ahead  # LSTM and GRU work unit by unit behind their layers
    visible = visible.flatten(0, 1) & clean.live_places.repeat(flips, 1)
    ahead = {} if single is None else {name: single[name] for name in clean.ahead if name in single}
    live = torch.zeros(0, dtype=torch.int64)
    states = clean.no_states()
    shown: list[tuple[int, Tensor, Tensor]] = []
    is_live = torch.zeros(flips * samples, dtype=torch.bool)
    for place in clean.order:
        is_live.zero_()
        is_live[live] = True
        fresh = (visible[:, place] & ~is_live).nonzero()[:, 0]
        if single is None:  # from the clean states on, through the whole body
            live = torch.cat([live, fresh])
            states = clean.joined(states, clean.last_states(fresh % samples, place))
            fresh = fresh[:0]
        known = clean.known(live % samples, place) | states
        for name, (channel, values) in ahead.items():
            known[name][:, channel] = values.flatten(0, 1)[live, place].to(torch.float64)
        given = None if hit[0] in clean.scan.ahead else (hit[0], lambda r, x, some, ids=live: strike(r, x, ids[some]))
        after = body.states(known, given) if len(live) else clean.no_results()
        after = clean.kept(after, states, live % samples, place)
        if len(fresh):
            started = clean.results(fresh % samples, place)
            for source, values in started.items():
                if single is not None and source in single:
                    channel, traced = single[source]
                    values[:, channel] = traced.flatten(0, 1)[fresh, place].to(torch.float64)
            after = {source: torch.cat([values, started[source]]) for source, values in after.items()}
            live = torch.cat([live, fresh])
        unchanged = clean.results(live % samples, place)
        apart = {source: (values != unchanged[source]).any(1) for source, values in after.items()}
        seen = apart[clean.shown]
        shown.append((place, live[seen], after[clean.shown][seen]))
        stays = torch.stack(list(apart.values())).any(0)
        live, states = live[stays], clean.as_states(after, stays)
    items = torch.cat([found for _, found, _ in shown]).unique()
    where = torch.full((flips * samples,), -1)
    where[items] = torch.arange(len(items))
    results = clean.of(clean.shown)[items % samples].clone()
    for place, found, values in shown:
        results[where[found], place] = values.to(results.dtype)
    return items, results


def _accumulators(clean: CleanScan, step: Linear, kind: str, elements: Tensor, sizes: Tensor) -> tuple[int, Tensor]:
    """The one channel that flips of a layer change, and what it is then [flips, samples, places]."""
    if kind == "bias":
        channel, moved = int(elements[0]), sizes[:, None, None]
    else:
        features = step.weight.shape[1]
        channel = int(elements[0]) // features
        taken = clean.of(step.inputs[0])[..., elements % features].movedim(-1, 0)
        moved = taken.to(torch.float64) * sizes[:, None, None]
    return channel, clean.of(step.name)[..., channel].to(torch.float64) + moved


def _strike(step: Linear | Table, kind: str, elements: Tensor, sizes: Tensor, samples: int) -> Strike:
    """How flips change what their step computes in some items."""
    if isinstance(step, Table):
        code = int(elements[0]) + step.lowest
        first, last = step.lowest, step.lowest + len(step.table) - 1

        def entry(result: Tensor, codes: Tensor, items: Tensor) -> Tensor:
            return result + (codes.clamp(first, last) == code) * sizes[items // samples, None].to(result.dtype)

        return entry

    features = step.weight.shape[1]
    channel = int(elements[0]) // features if kind == "weight" else int(elements[0])

    def accumulated(result: Tensor, taken: Tensor, items: Tensor) -> Tensor:
        flips = items // samples
        change = sizes[flips].to(result.dtype)
        if kind == "weight":
            change = change * taken[torch.arange(len(items)), elements[flips] % features]
        result[:, channel] += change
        return result

    return accumulated
