"""The metric after every single flip of every stored bit, without running the network for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults.flip_sets import Flips
from lowland.faults.layer_flips import Changes, layer_flips
from lowland.faults.measured_rows import Measure, MeasuredRows, Metric, Outcomes, checked, first_changing
from lowland.faults.scan_flips import scan_flips
from lowland.faults.targets import named_steps, targeted
from lowland.faults.word_flips import embedding_flips, shared_flips, table_flips
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted

BLOCK_SAMPLES = 2048


@dataclass(frozen=True, eq=False)
class SingleFlips:
    """What every single flip does.

    Attributes:
        metric: After each flip [*codes.shape, bits] or [..., bits, metrics], mean over samples, by tensor name; of a
            selection [flips] or [flips, metrics] in its order.
        sample_drops: Of every sample the clean metric minus that after a flip, summed over all flips [samples] or
            [samples, metrics]: their mean is minus the derivative of the expected metric in the bit error rate at 0,
            and their spread says how far the samples let it be known.
        changing: Number of flips that change the answer of each sample [samples]; ``None`` if answers are not asked.
        examples: [samples, 3] one flip that does: position of its tensor in ``metric``, flat element, bit; -1 where
            none does; ``None`` if answers are not asked.
    """

    metric: dict[str, Tensor]
    sample_drops: Tensor
    changing: Tensor | None = None
    examples: Tensor | None = None

    def example(self, sample: int) -> Flips | None:
        """One flip that changes the answer of a sample, if any single flip does.

        Args:
            sample: Its number, in the order of the batches.

        Raises:
            ValueError: Answers were not asked for.
        """
        if self.examples is None:
            raise ValueError("answers is None; expected what a network says of a sample: give single_flips answers=...")
        tensor, element, position = self.examples[sample].tolist()
        name = list(self.metric)[tensor]
        return None if tensor < 0 else Flips({name: (torch.tensor([element]), torch.tensor([position]))})


def flip_sensitivity(
    network: IntegerNetwork,
    metric: Metric,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    targets: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
    flips: Flips | None = None,
) -> dict[str, Tensor]:
    r"""A metric of the deployed network after each single flip of each bit of each code, exhaustively.

    The network computes in integers, so that the map is exact and equals flipping, running and measuring one by one. A
    flip of a weight changes one channel's accumulators by its change times the layer's inputs. Roundings let few of
    these changes through; where inputs of the next layer differ, their part of its accumulators is exchanged and what
    depends on them computed again, for those samples alone. Channels that show one code a sample are looked up:
    whatever the flip, the outputs depend on the sample and that code only. An entry of a table and a row of an
    embedding act in the samples that look them up. What a scan reads acts at every place of its sequence: the scan
    is computed again where states differ. Of tensors that several steps read, the network behind the first of
    them is run for each flip.

    The sum over the map of (clean metric - metric) is minus the derivative of the expected metric in the bit error rate
    at 0.

    Args:
        network: Deployed network, any graph of steps.
        metric: ``metric(outputs, targets) -> [samples]``, or ``[samples, metrics]`` for several at once; its mean over
            samples is what is reported. Outputs are ``network.deployed_outputs``.
        batches: Sequence of (inputs, targets).
        targets: Of ``weights``, ``biases`` and ``tables``.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        flips: A selection: only these are looked at, whatever the targets.

    Returns:
        float64 by tensor name, [*codes.shape, bits], or [..., bits, metrics]; bits from the least significant. Of a
        selection [flips] or [flips, metrics], in its order.

    Raises:
        LowlandError: No batches, an unknown target or encoding, a metric that is not one of each sample, codes that the
            encoding cannot hold, a selection of other tensors or bits.
    """
    return single_flips(network, metric, batches, targets=targets, encoding=encoding, flips=flips).metric


def single_flips(
    network: IntegerNetwork,
    metric: Metric | Measure,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    targets: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
    flips: Flips | None = None,
) -> SingleFlips:
    """``flip_sensitivity`` with what all flips together do to every sample; arguments and errors are the same.

    A ``Measure`` in place of the metric also says which samples keep their answer whatever single bit flips; with it
    metrics have a dimension of their own, a single one too.
    """
    measure = metric if isinstance(metric, Measure) else Measure(metric)
    asked = _asked(network, targets, encoding, flips)
    shapes = {name: (*network.codes[name].shape, network.bits[name]) for name in asked}
    sums: dict[str, Tensor] = {}
    drops: list[Tensor] = []
    examples: list[Tensor] = []
    num_flips = sum(len(changes) for changes in asked.values())
    for inputs, labels in batches:
        for samples, their_labels in zip(inputs.split(BLOCK_SAMPLES), labels.split(BLOCK_SAMPLES), strict=True):
            measured = MeasuredRows.of(network, measure, samples, their_labels)
            totals = torch.zeros_like(measured.clean)
            example = torch.full((len(samples), 3), -1)
            for found in flip_outcomes(measured, asked):
                shape = shapes[found.name]
                if found.name not in sums:
                    sums[found.name] = found.sums.new_zeros(*shape, *found.sums.shape[1:])
                flat = sums[found.name].view(-1, shape[-1], *found.sums.shape[1:])
                flat[found.elements, found.positions] += found.sums
                totals += found.by_row
                _keep_examples(example, found, list(asked).index(found.name))
            drops.append(num_flips * measured.clean - totals)
            examples.append(example)
    if not sum(map(len, drops)):
        raise LowlandError("batches: got no samples; expected at least one pair (inputs, targets) with samples")
    sample_drops, count = torch.cat(drops), sum(map(len, drops))
    means = {name: sums[name] / count for name in asked}
    if flips is not None:
        means = {name: mean.flatten(0, len(shapes[name]) - 2)[flips.bits[name]] for name, mean in means.items()}
    if measure.answers is None:
        return SingleFlips(means, sample_drops)
    # The last column counts changed answers; it is no metric that somebody asked for.
    return SingleFlips(
        {name: mean[..., :-1] for name, mean in means.items()},
        sample_drops[:, :-1],
        -sample_drops[:, -1].round().to(torch.int64),
        torch.cat(examples),
    )


def clean_metric(network: IntegerNetwork, metric: Metric, batches: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The same metric without any flip: a float64 scalar, or [metrics]."""
    with torch.no_grad():
        values = [checked(metric(network.deployed_outputs(x), y), len(x)) for x, y in batches]
    return torch.cat(values).mean(0)


def _asked(network: IntegerNetwork, targets: Sequence[str], encoding: str, flips: Flips | None) -> dict[str, Changes]:
    """By how much each flip that is asked for changes the codes of a tensor, by name."""
    codes, bits, codings = network.codes, network.bits, network.encodings(encoding)
    names = list(targeted(codes, targets)) if flips is None else [name for name in codes if name in flips.bits]
    if flips is not None and (unknown := sorted(flips.bits.keys() - codes.keys())):
        raise LowlandError(f"flips name tensor {unknown[0]!r}; expected one of {', '.join(codes)}")
    found = {}
    for name in names:
        codings[name].check(codes[name], bits[name], name=name)
        chosen = None
        if flips is not None:
            flips.words(name, codes[name].numel(), bits[name])  # refuses what the tensor does not have
            chosen = torch.zeros(codes[name].numel(), bits[name], dtype=torch.bool)
            chosen[flips.bits[name]] = True
        found[name] = Changes(codings[name].changes(codes[name], bits[name]), chosen)
    return found


@torch.no_grad()
def flip_outcomes(measured: MeasuredRows, asked: Mapping[str, Changes]) -> Iterator[Outcomes]:
    """What each flip that is asked for does to a block of samples, in the order of the steps.

    Args:
        measured: The samples.
        asked: By how much each flip changes the codes of a tensor, by its name in ``network.codes``.
    """
    steps = named_steps(measured.network)
    for step_name, step in steps.items():
        if isinstance(step, Scan):
            start = f"{step_name}."
            yield from scan_flips(
                measured, step, {n.removeprefix(start): asked[n] for n in asked if n.startswith(start)}
            )
            continue
        own = {name.rpartition(".")[2]: name for name in asked if name.rpartition(".")[0] == step_name}
        shared = {kind: users for kind in own if len(users := _users(steps, step_name, kind)) > 1}
        alone = {kind: asked[name] for kind, name in own.items() if kind not in shared}
        if alone and isinstance(step, Weighted) and not _for_all_channels(step):
            yield from layer_flips(measured, step, alone)
        elif alone and isinstance(step, Table):
            yield from table_flips(measured, step, alone["table"])
        elif alone and isinstance(step, Embedding):
            yield from embedding_flips(measured, step, alone["weight"])
        elif alone:
            shared |= {kind: (step_name,) for kind in alone}
        for kind, users in shared.items():
            name = own[kind]
            yield from shared_flips(measured, name, users, asked[name])


def _users(steps: Mapping[str, Step], owner: str, kind: str) -> tuple[str, ...]:
    """The steps that read a tensor of a step: itself, and those that are tied to it in that tensor."""
    tied = [
        name
        for name, step in steps.items()
        if isinstance(step, Weighted) and step.tied_to == owner and kind in step.borrowed
    ]
    return owner, *tied


def _for_all_channels(step: Weighted) -> bool:
    """Whether a step has one factor and one summand for all channels, so that a flip changes all of them."""
    return step.kind == "affine" and step.weight.numel() == 1


def _keep_examples(examples: Tensor, found: Outcomes, tensor: int) -> None:
    """The first flip that changes the answer, for samples that have none yet."""
    if found.changed is None:
        return
    every = first_changing(found.changed)
    fresh = (every >= 0) & (examples[:, 0] < 0)
    first = every[fresh]
    where = torch.full_like(first, tensor)
    examples[fresh] = torch.stack([where, found.elements[first], found.positions[first]], 1)
