"""The map of single flips of networks whose activations are float or coded anew: each flip is made and computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lowland.coding.encodings import encoding_of
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.faults.flip_map import MapSamples, ScoredTask, merit_and_loss
from lowland.faults.flip_map_options import FlipMapOptions
from lowland.faults.flip_sample import rise_of_sample, slope_of_sample, stratified_flips
from lowland.faults.flip_sets import Flips
from lowland.faults.map_recall import ceilings
from lowland.faults.map_rows import mapped_rows, mean_map
from lowland.faults.measured_rows import Metric, checked
from lowland.faults.sensitivity import SingleFlips
from lowland.faults.vulnerability import LOSS, MERIT, Vulnerability
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.randomness import Key

COMPUTED_FLIPS = 10_000  # of more bits so many are drawn: every flip costs a run of the network
TARGET = "weights"


@torch.no_grad()
def computed_flips(
    network: DynamicNetwork,
    metric: Metric,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    encoding: str = "twos_complement",
    flips: Flips | None = None,
) -> SingleFlips:
    """What single flips of the codes of weights do, each by running the network with it.

    Args:
        network: Weight-only, or dynamic with scales of rows; its float32 words are left alone.
        metric: ``metric(outputs, targets) -> [samples]`` or ``[samples, metrics]``.
        batches: Sequence of (inputs, targets), each computed at once.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        flips: A selection; all without it.

    Returns:
        As ``single_flips``, without answers.

    Raises:
        LowlandError: Answers depend on the batch; no samples; a selection of other words; codes that the encoding
            cannot hold.
    """
    if network.depends_on_batch:
        raise LowlandError(
            f"network: with runtime {network.arithmetic.name!r} scales come from the whole batch, so that a flip "
            "changes rows through their neighbours; expected arithmetic by row, or batch_rows: 1"
        )
    coded = {name: stored for name, stored in network.words.items() if stored.encoding == "codes"}
    if flips is not None and (unknown := sorted(flips.bits.keys() - coded.keys())):
        raise LowlandError(f"flips name tensor {unknown[0]!r}; expected one of {', '.join(coded)}")
    coding = encoding_of(encoding)
    working = network.with_words({})  # a copy whose codes are written and restored in place
    codes = {name: stored.values for name, stored in working.words.items() if name in coded}
    clean = torch.cat([checked(metric(network(x), y), len(x)) for x, y in batches]) if batches else torch.zeros(0)
    if not len(clean):
        raise LowlandError("batches: got no samples; expected at least one pair (inputs, targets) with samples")
    drops, found = torch.zeros_like(clean), {}
    for name, stored in coded.items():
        if flips is not None and name not in flips.bits:
            continue
        coding.check(stored.values, stored.bits, name=name)
        changes = coding.changes(stored.values, stored.bits)
        sites = _sites(changes.shape) if flips is None else _chosen(flips, name, changes.shape)
        means = []
        for place in zip(*(part.tolist() for part in sites), strict=True):
            element = place[:-1]
            old = codes[name][element].clone()
            codes[name][element] = old + changes[place].to(old.dtype)
            after = torch.cat([checked(metric(working(x), y), len(x)) for x, y in batches])
            codes[name][element] = old
            drops += clean - after
            means.append(after.mean(0))
        shape = changes.shape if flips is None else (len(means),)
        found[name] = torch.stack(means).reshape(*shape, *clean.shape[1:])
    return SingleFlips(found, drops)


def measure_code_vulnerability(
    network: DynamicNetwork,
    task: ScoredTask,
    samples: MapSamples,
    *,
    options: FlipMapOptions,
    encoding: str = "twos_complement",
    key: tuple[Key, ...] = ("vulnerability",),
) -> Vulnerability:
    """The map of single flips of the codes of weights: slope, worst flip, and how far one half of the rows tells it.

    There is no protection plan, which would have to know biases and scales, no ranking and no search, which go by
    integer networks.

    Args:
        network: As ``computed_flips``. Of more than ``COMPUTED_FLIPS`` bits so many are drawn, by tensor and place.
        task: Loss and score.
        samples: Flips are measured on the first of them; the others are not looked at.
        options: On how many rows; which numbers of worst flips are compared.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        key: Names the sample.

    Raises:
        LowlandError: As ``computed_flips``.
    """
    both = merit_and_loss(task)
    coded = [stored for stored in network.words.values() if stored.encoding == "codes"]
    total = sum(stored.values.numel() * stored.bits for stored in coded)
    sample = None
    if total > COMPUTED_FLIPS:
        sample = stratified_flips(network, COMPUTED_FLIPS, targets=(TARGET,), key=(*key, "sample"))
    flips = None if sample is None else sample.flips
    mapped = mapped_rows(
        lambda batch: computed_flips(network, both, [batch], encoding=encoding, flips=flips),
        samples.measured,
        loss=LOSS,
        standard_error=options.standard_error,
    )
    sensitivity = mean_map(mapped.parts)
    clean = torch.cat([both(network(x), y) for x, y in mapped.batches]).mean(0)
    merits, losses = ({name: found[..., place] for name, found in sensitivity.items()} for place in (MERIT, LOSS))
    slope = Estimate.from_samples(torch.cat([part.sample_drops[:, MERIT] for part in mapped.parts]))
    rise = mapped.rise
    if sample is not None:
        rise = None if rise is None else rise_of_sample(sample, losses, float(clean[LOSS]), rise)
        slope = slope_of_sample(sample, merits, float(clean[MERIT]), slope)
    return Vulnerability(
        task.score_name,
        clean,
        sensitivity,
        slope,
        sum(len(part.sample_drops) for part in mapped.parts),
        ceilings(mapped.compared, options.recall_counts),
        options.bit_error_rate,
        None,
        {},
        flips,
        rise,
        TARGET,
    )


def _sites(shape: torch.Size) -> tuple[Tensor, ...]:
    """Places of all bits of a tensor [..., bits], in order."""
    return torch.unravel_index(torch.arange(shape.numel()), shape)


def _chosen(flips: Flips, name: str, shape: torch.Size) -> tuple[Tensor, ...]:
    """Places of the chosen bits of a tensor, in the order of the selection."""
    flips.words(name, shape[:-1].numel(), shape[-1])  # refuses what the tensor does not have
    elements, positions = flips.bits[name]
    return (*torch.unravel_index(elements, shape[:-1]), positions)
