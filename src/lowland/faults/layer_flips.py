"""Flips in a layer with weights: each changes the accumulators of one channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from lowland.faults.channel_walk import ChannelWalk
from lowland.faults.measured_rows import MeasuredRows, Outcomes
from lowland.quantization.graph.operations import patches, weight_matrices
from lowland.quantization.graph.weighted_step import Weighted

ACCUMULATORS = 2**21  # of one channel under many flips that are held at once
SIGHTS = 2**28  # numbers that the rest of the network sees of a channel under all flips that are compared at once
TABLE_CODES = 2**12  # more codes than this are not looked up in a table


def layer_flips(measured: MeasuredRows, step: Weighted, wanted: Mapping[str, Changes]) -> Iterator[Outcomes]:
    """What each flip of a layer's own tensors does, a channel at a time.

    Args:
        measured: The samples.
        step: The layer, whose tensors no other step reads.
        wanted: Changes by flips of ``weight`` and ``bias``.
    """
    prefix = measured.prefix
    accumulators = prefix.values[step.name]
    samples = len(accumulators)
    dim = channel_dim(step, accumulators.ndim)
    columns = patches(step.kind, step.sizes, prefix.values[step.inputs[0]].to(accumulators.dtype))
    columns = columns.reshape(len(columns), samples, -1, columns.shape[-1])  # [groups, samples, positions, taps]
    where = torch.arange(step.weight.numel()).reshape(step.weight.shape)
    places = weight_matrices(step.kind, step.sizes, where).flatten(0, 1)  # [channels, taps] flat indices of weights
    shape = torch.Size((*accumulators.shape[1:dim], 1, *accumulators.shape[dim + 1 :]))
    for channel, taps in enumerate(places):
        walk = ChannelWalk(prefix, step.name, channel, dim)
        own = accumulators.select(dim, channel).reshape(samples, -1)
        for kind, changes in wanted.items():
            if kind == "weight":
                moves = columns[channel // (len(places) // len(columns))].permute(2, 0, 1)  # [taps, samples, positions]
                elements = taps
            else:
                moves = torch.ones_like(own)[None]
                elements = torch.tensor([channel])
            sources, positions, sizes = changes.at(elements)
            if len(sources):
                bound = max(1, SIGHTS // walk.unchanged.numel())
                for some in torch.arange(len(sources)).split(bound):
                    flips = _Flips(moves, sources[some], sizes[some], shape)
                    found = _channel(measured, walk, own, flips)
                    yield Outcomes(f"{step.name}.{kind}", elements[sources[some]], positions[some], *found)


def channel_dim(step: Weighted, dims: int) -> int:
    """The dimension of a layer's channels in its results, counted from the rows.

    Args:
        step: The layer.
        dims: Number of dimensions of its results.
    """
    if step.kind == "affine":
        return dims + int(step.sizes["dim"])
    return dims - 1 if step.kind == "linear" else 1


class Changes:
    """By how much each flip that is asked for changes the codes of a tensor.

    Args:
        changes: [*codes.shape, bits] of all flips.
        chosen: [*codes.shape, bits] which of them are asked for; all without it.
    """

    def __init__(self, changes: Tensor, chosen: Tensor | None) -> None:
        self._changes = changes.flatten(0, -2)
        self._chosen = None if chosen is None else chosen.flatten(0, -2)

    def at(self, elements: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Place in ``elements``, bit and change of each flip that is asked for [flips].

        Args:
            elements: Flat indices.
        """
        changes = self._changes[elements]
        chosen = torch.ones_like(changes, dtype=torch.bool) if self._chosen is None else self._chosen[elements]
        sources, positions = chosen.nonzero(as_tuple=True)
        return sources, positions, changes[sources, positions]

    def __len__(self) -> int:
        return self._changes.numel() if self._chosen is None else int(self._chosen.sum())


class _Flips:
    """Flips of one channel: what each weight is multiplied with, which weight a flip hits and by how much.

    Args:
        moves: [taps, samples, positions].
        sources: [flips] the weight of each flip.
        changes: [flips] of the weights' codes.
        shape: Of the channel's accumulators of a sample, 1 along the channels.
    """

    def __init__(self, moves: Tensor, sources: Tensor, changes: Tensor, shape: torch.Size) -> None:
        self.moves, self.sources, self.changes, self.shape = moves, sources, changes, shape


def _channel(
    measured: MeasuredRows, walk: ChannelWalk, own: Tensor, flips: _Flips
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Sums of the metric [flips, ...] over samples, and [samples, ...] over flips; which flips change which answers.

    Args:
        measured: The samples.
        walk: From this channel on.
        own: Its accumulators [samples, positions].
        flips: What is changed.
    """
    size = max(1, ACCUMULATORS // own.numel())
    shown = []
    for part in torch.arange(len(flips.changes)).split(size):
        moved = flips.moves[flips.sources[part]] * flips.changes[part].to(own.dtype)[:, None, None] + own
        shown.append(walk.shown(moved.reshape(-1, *flips.shape)))
    sights = torch.cat(shown).reshape(len(flips.changes), len(own), *walk.unchanged.shape[1:])
    codes = walk.codes
    if codes is not None and codes[1] <= TABLE_CODES:
        return _looked_up(measured, walk, sights, codes)
    return _compared(measured, walk, sights)


def _looked_up(
    measured: MeasuredRows, walk: ChannelWalk, sights: Tensor, codes: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor | None]:
    """As ``_channel`` where a channel shows few codes, one a sample."""
    lowest, span = codes
    samples = sights.shape[1]
    starts = torch.arange(samples) * span - lowest
    keys = sights.flatten(1).to(torch.int64) + starts
    unchanged = walk.unchanged.flatten().to(torch.int64) + starts
    present = torch.zeros(samples * span, dtype=torch.bool)
    present[keys.flatten()] = True
    present[unchanged] = False
    items = present.nonzero()[:, 0]
    table = measured.clean.new_zeros(samples * span, *measured.clean.shape[1:])
    table[unchanged] = measured.clean
    shape = walk.unchanged.shape[1:]
    sight = (items % span + lowest).to(sights.dtype).reshape(-1, *shape)
    table[items] = measured.after(walk.outputs, items // span, sight, width=walk.width)
    if measured.only_answers:  # of many flips: no metric is summed
        others = (table[:, 0] > 0)[keys]
        return others.sum(1, dtype=torch.float64)[:, None], others.sum(0, dtype=torch.float64)[:, None], others
    times = keys.flatten().bincount(minlength=len(table)).to(table.dtype).reshape(-1, *[1] * (table.ndim - 1))
    by_row = (times * table).reshape(samples, span, *table.shape[1:]).sum(1)
    changed = None if measured.answers is None else table[:, -1][keys] > 0
    return torch.stack([table[some].sum(0) for some in keys]), by_row, changed


def _compared(measured: MeasuredRows, walk: ChannelWalk, sights: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """As ``_channel``; computed where the channel shows something else."""
    differs = (sights != walk.unchanged).flatten(2).any(2)
    flips, samples = differs.nonzero(as_tuple=True)
    found = measured.clean.expand(len(sights), *measured.clean.shape).clone()
    found[flips, samples] = measured.after(walk.outputs, samples, sights[flips, samples], width=walk.width)
    changed = None if measured.answers is None else found[..., -1] > 0
    return found.sum(1), found.sum(0), changed
