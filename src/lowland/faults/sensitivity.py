"""The metric after every single flip of every stored bit, without running the network for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.coding.encodings import Encoding, encoding_of
from lowland.errors import LowlandError
from lowland.faults.bit_flips import targeted
from lowland.faults.channel_walk import ChannelWalk, Prefix
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import patches, weight_matrices
from lowland.quantization.graph.weighted_step import Weighted

Metric = Callable[[Tensor, Tensor], Tensor]
BLOCK_SAMPLES = 2048
ACCUMULATORS = 2**21  # of one channel under many flips that are held at once
ITEMS = 2**14  # changed samples that go through the rest of the network at once: what the cache holds
TABLE_CODES = 2**12  # more codes than this are not looked up in a table


@dataclass(frozen=True, eq=False)
class SingleFlips:
    """What every single flip does.

    Attributes:
        metric: After each flip [*codes.shape, bits] or [..., bits, metrics], mean over samples, by tensor name.
        sample_drops: Of every sample the clean metric minus that after a flip, summed over all flips [samples] or
            [samples, metrics]: their mean is minus the derivative of the expected metric in the bit error rate at 0,
            and their spread says how far the samples let it be known.
    """

    metric: dict[str, Tensor]
    sample_drops: Tensor


def flip_sensitivity(
    network: IntegerNetwork,
    metric: Metric,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    targets: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
) -> dict[str, Tensor]:
    r"""A metric of the deployed network after each single flip of each bit of each code, exhaustively.

    The network computes in integers, so that the map is exact and equals flipping, running and measuring one by one. A
    flip of a weight changes one channel's accumulators by its change times the layer's inputs. Roundings let few of
    these changes through; where inputs of the next layer differ, their part of its accumulators is exchanged and the
    rest computed again, for those samples alone. Channels that show one code a sample are looked up: whatever the flip,
    the outputs depend on the sample and that code only.

    The sum over the map of (clean metric - metric) is minus the derivative of the expected metric in the bit error rate
    at 0.

    Args:
        network: A chain of steps, each fed by the one before it.
        metric: ``metric(outputs, targets) -> [samples]``, or ``[samples, metrics]`` for several at once; its mean over
            samples is what is reported. Outputs are ``network.deployed_outputs``.
        batches: Sequence of (inputs, targets).
        targets: Of ``weights`` and ``biases``.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.

    Returns:
        float64 by tensor name, [*codes.shape, bits], or [..., bits, metrics]; bits from the least significant.

    Raises:
        LowlandError: No batches, an unknown target or encoding, a metric that is not one of each sample, codes that the
            encoding cannot hold, a network that is no chain.
    """
    return single_flips(network, metric, batches, targets=targets, encoding=encoding).metric


def single_flips(
    network: IntegerNetwork,
    metric: Metric,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    targets: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
) -> SingleFlips:
    """``flip_sensitivity`` with what all flips together do to every sample; arguments and errors are the same."""
    names = list(targeted(network.codes, targets))
    coding = encoding_of(encoding)
    for name in names:
        coding.check(network.codes[name], network.bits[name], name=name)
    steps = network.chain()
    sums: dict[str, Tensor] = {}
    drops: list[Tensor] = []
    num_flips = sum(network.codes[name].numel() * network.bits[name] for name in names)
    for inputs, labels in batches:
        for samples, their_labels in zip(inputs.split(BLOCK_SAMPLES), labels.split(BLOCK_SAMPLES), strict=True):
            measured = _Measured.of(network, metric, samples, their_labels)
            totals = torch.zeros_like(measured.clean)
            for index, step in enumerate(steps):
                kinds = [kind for kind in ("weight", "bias") if f"{step.name}.{kind}" in names]
                if isinstance(step, Weighted) and kinds:
                    for kind, found in _layer(measured, index, step, kinds, coding, totals).items():
                        name = f"{step.name}.{kind}"
                        sums[name] = sums[name] + found if name in sums else found
            drops.append(num_flips * measured.clean - totals)
    if not sum(map(len, drops)):
        raise LowlandError("batches: got no samples; expected at least one pair (inputs, targets) with samples")
    sample_drops = torch.cat(drops)
    return SingleFlips({name: sums[name] / len(sample_drops) for name in names}, sample_drops)


def clean_metric(network: IntegerNetwork, metric: Metric, batches: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The same metric without any flip: a float64 scalar, or [metrics]."""
    with torch.no_grad():
        values = [_checked(metric(network.deployed_outputs(x), y), len(x)) for x, y in batches]
    return torch.cat(values).mean(0)


@dataclass(frozen=True)
class _Measured:
    """A block of samples: what the unchanged network makes of it, and the metric of its samples."""

    network: IntegerNetwork
    metric: Metric
    targets: Tensor
    prefix: Prefix
    clean: Tensor

    @classmethod
    def of(cls, network: IntegerNetwork, metric: Metric, samples: Tensor, targets: Tensor) -> _Measured:
        with torch.no_grad():
            prefix = Prefix.of(network.chain(), samples)
            clean = _checked(metric(network.scaled(prefix.values[-1]), targets), len(samples))
        return cls(network, metric, targets, prefix, clean)

    def after(self, walk: ChannelWalk, samples: Tensor, shown: Tensor) -> Tensor:
        """The metric [items, ...] of samples for which a channel shows something else."""
        parts = [
            _checked(self.metric(self.network.scaled(walk.outputs(some, sight)), self.targets[some]), len(some))
            for some, sight in zip(samples.split(ITEMS), shown.split(ITEMS), strict=True)
        ]
        return torch.cat(parts) if parts else self.clean[:0]


@torch.no_grad()
def _layer(
    measured: _Measured,
    index: int,
    step: Weighted,
    kinds: Sequence[str],
    coding: Encoding,
    totals: Tensor,
) -> dict[str, Tensor]:
    """Sums over samples of the metric after each flip in a layer, by kind; those over flips are added to ``totals``."""
    prefix = measured.prefix
    samples, accumulators = len(prefix.inputs), prefix.values[index]
    columns = patches(step.kind, step.sizes, prefix.before(index).to(accumulators.dtype))
    columns = columns.reshape(len(columns), samples, -1, columns.shape[-1])  # [groups, samples, positions, taps]
    where = torch.arange(step.weight.numel()).reshape(step.weight.shape)
    places = weight_matrices(step.kind, step.sizes, where).flatten(0, 1)  # [channels, taps] flat indices of weights
    changes = {kind: coding.changes(getattr(step, kind), getattr(step, f"{kind}_bits")) for kind in kinds}
    found: dict[str, Tensor] = {}
    for channel, taps in enumerate(places):
        moves = columns[channel // (len(places) // len(columns))].permute(2, 0, 1)  # [taps, samples, positions]
        walk = ChannelWalk(measured.network.chain(), index, channel, prefix)
        own = accumulators[:, channel].reshape(samples, -1)
        for kind, change in changes.items():
            some = change.flatten(0, -2)[taps] if kind == "weight" else change[channel][None]
            sources = moves if kind == "weight" else torch.ones_like(moves[:1])
            sums, by_row = _channel(measured, walk, own, accumulators.shape[2:], sources, some)
            totals += by_row
            whole = found.setdefault(kind, sums.new_zeros(*change.shape, *sums.shape[2:]))
            if kind == "weight":
                whole.flatten(0, change.ndim - 2)[taps] = sums
            else:
                whole[channel] = sums[0]
    return found


def _channel(
    measured: _Measured, walk: ChannelWalk, own: Tensor, shape: torch.Size, sources: Tensor, changes: Tensor
) -> tuple[Tensor, Tensor]:
    """Sums of the metric [taps, bits, ...] over samples, and [samples, ...] over flips.

    Args:
        measured: The samples.
        walk: From this channel on.
        own: Its accumulators [samples, positions].
        shape: Of its positions.
        sources: [taps, samples, positions] what each weight is multiplied with.
        changes: [taps, bits] of the weights' codes.
    """
    bits = changes.shape[1]
    size = max(1, ACCUMULATORS // own.numel())
    shown = []
    for part in torch.arange(changes.numel()).split(size):
        changed = sources[part // bits] * changes.flatten()[part].to(own.dtype)[:, None, None] + own
        shown.append(walk.shown(changed.reshape(-1, 1, *shape)))
    sights = torch.cat(shown).reshape(changes.numel(), len(own), *walk.unchanged.shape[1:])
    codes = walk.codes
    known = codes is not None and codes[1] <= TABLE_CODES
    sums, by_row = _looked_up(measured, walk, sights, *codes) if known and codes else _compared(measured, walk, sights)
    return sums.unflatten(0, changes.shape), by_row


def _looked_up(measured: _Measured, walk: ChannelWalk, sights: Tensor, lowest: int, span: int) -> tuple[Tensor, Tensor]:
    """Sums over samples [flips, ...] and over flips [samples, ...] where a channel shows few codes, one a sample."""
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
    table[items] = measured.after(walk, items // span, sight)
    times = keys.flatten().bincount(minlength=len(table)).to(table.dtype).reshape(-1, *[1] * (table.ndim - 1))
    by_row = (times * table).reshape(samples, span, *table.shape[1:]).sum(1)
    return torch.stack([table[some].sum(0) for some in keys]), by_row


def _compared(measured: _Measured, walk: ChannelWalk, sights: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over samples [flips, ...] and flips [samples, ...]; computed where the channel shows something else."""
    changed = (sights != walk.unchanged).flatten(2).any(2)
    flips, samples = changed.nonzero(as_tuple=True)
    found = measured.clean.expand(len(sights), *measured.clean.shape).clone()
    found[flips, samples] = measured.after(walk, samples, sights[flips, samples])
    return found.sum(1), found.sum(0)


def _checked(values: Tensor, samples: int) -> Tensor:
    """A metric's values in float64."""
    if values.ndim not in (1, 2) or len(values) != samples:
        raise LowlandError(
            f"metric: gave shape {tuple(values.shape)} for {samples} samples; expected one value a sample, or "
            "[samples, metrics]"
        )
    return values.detach().double()
