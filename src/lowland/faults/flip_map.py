"""Which stored bits matter: every single flip, which ranking predicts it, and what protecting the worst brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.faults.bit_flips import apply_flips, stored_sizes
from lowland.faults.flip_map_options import RANKINGS, FlipMapOptions
from lowland.faults.flip_sample import rise_of_sample, slope_of_sample, stratified_flips
from lowland.faults.flip_sets import Flips
from lowland.faults.map_recall import ceilings, harms, possible_counts
from lowland.faults.map_rows import mapped_rows, mean_map
from lowland.faults.measured_rows import Metric
from lowland.faults.protection import ProtectionPlan, needed_by_simulation, protection_plan, protection_simulator
from lowland.faults.ranking import CURVED, flip_scores, recall_at
from lowland.faults.search import progressive_search
from lowland.faults.sensitivity import clean_metric, single_flips
from lowland.faults.targets import CODE_BITS, CodeBits
from lowland.faults.vulnerability import LOSS, MERIT, Protection, Vulnerability
from lowland.landscape.problem.linearity import obstacle_to_exactness
from lowland.landscape.problem.model import Loss
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key
from lowland.scores import sign
from lowland.vocabulary.measures import SHARES

Batches = Sequence[tuple[Tensor, Tensor]]
SAMPLED_FLIPS = 100_000  # networks with more bits have so many of them flipped
PER_DECADE = 4  # points of the protection curve


class ScoredTask(Protocol):
    """What flips are measured by; a ``lowland.tasks.Task`` is one."""

    @property
    def score_name(self) -> str:
        """One of ``lowland.vocabulary.measures.SCORES``: says which direction is better, and what a share is."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over samples; what rankings and the search go by."""

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample [samples]."""

    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Score of every sample [samples]."""


@dataclass(frozen=True, slots=True, eq=False)
class MapSamples:
    """Batches (inputs, targets) for a map of flips.

    Attributes:
        measured: Flips are measured on them, or on the first of them that give the error that is asked for; of two
            batches or more, each one's map is also a ranking for the next, the ceiling that the noise of the samples
            leaves (of blocks that were added, the map of one half of all batches for the other).
        known: Other samples, which rankings and search may look at, and on which the plan is simulated.
    """

    measured: Batches
    known: Batches


def merit_and_loss(task: ScoredTask) -> Metric:
    """The two metrics of a map, by the places that ``lowland.faults.vulnerability`` names."""

    def both(outputs: Tensor, targets: Tensor) -> Tensor:
        merits = sign(task.score_name) * task.sample_scores(outputs, targets).double()
        return torch.stack([merits, task.sample_losses(outputs, targets).double()], 1)

    return both


def measure_vulnerability(
    network: IntegerNetwork,
    task: ScoredTask,
    samples: MapSamples,
    *,
    options: FlipMapOptions,
    encoding: str = "twos_complement",
    key: tuple[Key, ...] = ("vulnerability",),
) -> Vulnerability:
    """The map of all single flips, what rankings find of it, a protection plan and a search for the worst flips.

    Args:
        network: Deployed network. Of one with more than ``SAMPLED_FLIPS`` bits so many are drawn, by tensor and place
            (``stratified_flips``): the slope is unbiased, the worst flip and the recalls are those of the sample, and
            there is no protection plan, which would have to know all bits.
        task: Loss and score.
        samples: What flips are measured on, and what rankings, search and simulation see.
        options: How much of it; ``tolerated_drop`` is a share itself or relative to the clean score.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        key: Names the draws of the simulation, which are common to all networks.

    Raises:
        LowlandError: As ``flip_sensitivity`` and ``progressive_search``.
    """
    both = merit_and_loss(task)

    def merits(outputs: Tensor, targets: Tensor) -> Tensor:
        return both(outputs, targets)[:, MERIT]

    total = sum(size * width for size, width in stored_sizes(network, CODE_BITS.targets).values())
    sample = stratified_flips(network, SAMPLED_FLIPS, key=(*key, "sample")) if total > SAMPLED_FLIPS else None
    flips = None if sample is None else sample.flips
    mapped = mapped_rows(
        lambda batch: single_flips(network, both, [batch], encoding=encoding, flips=flips),
        samples.measured,
        loss=LOSS,
        standard_error=options.standard_error,
    )
    parts, samples = mapped.parts, replace(samples, measured=mapped.batches)
    sensitivity = mean_map(parts)
    clean = clean_metric(network, both, samples.measured)
    merit_map, loss_map = ({name: both[..., place] for name, both in sensitivity.items()} for place in (MERIT, LOSS))
    drops = Estimate.from_samples(torch.cat([part.sample_drops[:, MERIT] for part in parts]))
    protection = None
    if sample is None:
        merit = float(clean[MERIT])
        plan = protection_plan(
            merit_map,
            clean=merit,
            bit_error_rate=options.bit_error_rate,
            floor=merit - options.tolerated_drop * (1.0 if task.score_name in SHARES else abs(merit)),
            harm=loss_map,
        )
        simulated = protection_simulator(
            network,
            lambda flipped: _outcomes(flipped, merits, samples.known),
            plan,
            draws=options.simulation_draws,
            encoding=encoding,
            key=key,
        )
        protection = _protection(plan, simulated, float(clean_metric(network, merits, samples.known)))
    bits = CodeBits(encoding=encoding)
    return Vulnerability(
        task.score_name,
        clean,
        sensitivity,
        drops if sample is None else slope_of_sample(sample, merit_map, float(clean[MERIT]), drops),
        sum(len(part.sample_drops) for part in parts),
        _recalls(network, task.loss, samples.known, sensitivity, options.recall_counts, (bits, flips))
        | ceilings(mapped.compared, options.recall_counts),
        options.bit_error_rate,
        protection,
        _searched(network, task, samples, options.search_flips, bits),
        flips,
        mapped.rise
        if sample is None or mapped.rise is None
        else rise_of_sample(sample, loss_map, float(clean[LOSS]), mapped.rise),
    )


def _protection(plan: ProtectionPlan, simulated: Callable[[int], Estimate], known: float) -> Protection:
    """A plan and what simulation on other samples says of it, moved by the difference of the clean scores."""
    offset = plan.clean - known

    def simulate(count: int) -> Estimate:
        estimate = simulated(count)
        return replace(estimate, value=estimate.value + offset)

    counts = {count: simulate(count) for count in _spread(len(plan))}
    return Protection(plan, counts, needed_by_simulation(simulate, plan))


def _recalls(
    network: IntegerNetwork,
    loss: Loss,
    batches: Batches,
    sensitivity: Mapping[str, Tensor],
    counts: Sequence[int],
    asked: tuple[CodeBits, Flips | None],
) -> dict[tuple[str, int], tuple[float, float]]:
    """How much of the truth each ranking finds; those that need the exact diagonal only where there is one.

    Of a sample of flips, among the flips of the sample.
    """
    bits, flips = asked
    exact = obstacle_to_exactness(network.dequantized(), tuple(batches)) is None
    rankings = [name for name in RANKINGS if exact or name not in CURVED]
    scores = flip_scores(network, loss, batches, rankings=rankings, bits=bits)
    if flips is not None:
        scores = {
            ranking: {name: found[name].flatten(0, -2)[place] for name, place in flips.bits.items()}
            for ranking, found in scores.items()
        }
    by_loss, by_score = harms(sensitivity)
    return {
        (ranking, count): (recall_at(scores[ranking], by_loss, count), recall_at(scores[ranking], by_score, count))
        for ranking in rankings
        for count in possible_counts(counts, by_loss)
    }


def _searched(
    network: IntegerNetwork, task: ScoredTask, samples: MapSamples, count: int, bits: CodeBits
) -> dict[int, Estimate]:
    """The score after the first 0, 1, 2 ... flips of the search, with errors over samples."""
    if not count:
        return {}
    search = progressive_search(network, task.loss, samples.known, count=count, bits=bits)
    flipped = partial(apply_flips, network, encoding=bits.encoding)
    return {
        number: Estimate.from_samples(_outcomes(flipped(search.first(number)), task.sample_scores, samples.measured))
        for number in range(count + 1)
    }


def _outcomes(network: IntegerNetwork, metric: Metric, batches: Batches) -> Tensor:
    """A metric of the deployed network [samples]."""
    with torch.no_grad():
        return torch.cat([metric(network.deployed_outputs(x), y) for x, y in batches])


def _spread(total: int) -> list[int]:
    """0, all, and numbers evenly spread in the logarithm between them."""
    steps = round(PER_DECADE * torch.tensor(float(total)).log10().item())
    return sorted({0, *(round(total ** (step / steps)) for step in range(steps + 1)), total})
