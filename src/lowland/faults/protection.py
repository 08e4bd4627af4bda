"""Which stored bits to triplicate so that a network keeps its metric under a given bit error rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.faults.bit_flips import Flips, apply_flips, draw_flips
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key

SURE = 1.645  # standard errors of one side of 95 %


def triplicated_rate(bit_error_rate: float) -> float:
    r"""Rate of wrong majorities of three copies, :math:`3p^2 - 2p^3` (triple modular redundancy).

    Source:
        Lyons and Vanderkulk, IBM J. Res. Dev. 6 (1962) 200.
    """
    return 3 * bit_error_rate**2 - 2 * bit_error_rate**3


@dataclass(frozen=True)
class ProtectionPlan:
    """Bits in the order in which to triplicate them, and what that is worth.

    Attributes:
        names: Names of the tensors.
        tensors: [bits] position in ``names`` of each bit's tensor, most worth protecting first.
        elements: [bits] flat index of its element.
        positions: [bits] its place, 0 the least significant.
        gains: [bits] what protecting it adds to the expected metric, to first order in the bit error rate; negative
            where its flip does good.
        expected: [bits + 1] expected metric with the first k bits protected, to first order.
        bit_error_rate: Of every stored bit, each of three copies included.
        clean: The metric without flips.
        floor: What it must not fall below.
        needed: The least k whose expected metric holds the floor, ``None`` where not even all do.
    """

    names: tuple[str, ...]
    tensors: Tensor
    elements: Tensor
    positions: Tensor
    gains: Tensor
    expected: Tensor
    bit_error_rate: float
    clean: float
    floor: float
    needed: int | None

    def __len__(self) -> int:
        return len(self.gains)

    def overhead(self, count: int) -> int:
        """Additional bits stored where the first ``count`` are triplicated."""
        return 2 * count


def protection_plan(
    sensitivity: Mapping[str, Tensor],
    *,
    clean: float,
    bit_error_rate: float,
    floor: float,
    harm: Mapping[str, Tensor] | None = None,
) -> ProtectionPlan:
    r"""Bits by what their protection is worth, and how many hold a metric above a floor.

    To first order in the rate p the expected metric is :math:`m_0 - p \sum_i (m_0 - m_i)` with the metric :math:`m_i`
    after the flip of bit i alone; a triplicated bit has :math:`3p^2 - 2p^3` in place of p. The best order, to first
    order, is that of :math:`m_0 - m_i`. Where the metric is a share of few samples that order follows chance for all
    but the worst bits, and a smoother ``harm`` protects better on other samples. First order is good where p times the
    number of bits is small.

    Args:
        sensitivity: From ``flip_sensitivity``, [*codes.shape, bits] by tensor name; higher is better (of an error,
            minus it).
        clean: The metric without flips.
        bit_error_rate: Above 0, below 1/2.
        floor: What the metric must not fall below.
        harm: In the shapes of the map, such as the rise of the loss: the order of protection, most harm first. Without
            it the order is that of what the metric loses.

    Raises:
        LowlandError: A rate out of range, a map that is empty, a harm of other tensors.
    """
    if not 0 < bit_error_rate < 0.5:
        raise LowlandError(f"bit_error_rate is {bit_error_rate}; expected above 0 and below 0.5")
    if not sensitivity:
        raise LowlandError("sensitivity is empty; expected the map of at least one tensor")
    if harm is not None and (
        harm.keys() != sensitivity.keys() or any(harm[n].shape != sensitivity[n].shape for n in harm)
    ):
        raise LowlandError("harm and sensitivity are of different tensors; expected one number for every bit in both")
    names = tuple(sensitivity)
    drops = torch.cat([clean - values.flatten().double() for values in sensitivity.values()])
    places = [
        (torch.full((values.numel(),), index), torch.arange(values.numel()) // values.shape[-1])
        for index, values in enumerate(sensitivity.values())
    ]
    positions = torch.cat(
        [torch.arange(values.shape[-1]).repeat(values[..., 0].numel()) for values in sensitivity.values()]
    )
    tensors, elements = (torch.cat(parts) for parts in zip(*places, strict=True))
    harms = drops if harm is None else torch.cat([harm[name].flatten().double() for name in names])
    order = harms.argsort(descending=True, stable=True)
    gains = drops[order] * (bit_error_rate - triplicated_rate(bit_error_rate))
    bare = clean - bit_error_rate * float(drops.sum())
    expected = bare + torch.cat([gains.new_zeros(1), gains.cumsum(0)])
    holds = (expected >= floor).nonzero()
    return ProtectionPlan(
        names,
        tensors[order],
        elements[order],
        positions[order],
        gains,
        expected,
        bit_error_rate,
        clean,
        floor,
        int(holds[0]) if len(holds) else None,
    )


def protection_simulator(
    network: IntegerNetwork,
    evaluate: Callable[[IntegerNetwork], Tensor],
    plan: ProtectionPlan,
    *,
    draws: int = 30,
    encoding: str = "twos_complement",
    key: tuple[Key, ...] = ("protection",),
) -> Callable[[int], Estimate]:
    """The metric under random flips with the first bits of a plan triplicated, by the number of protected bits.

    Every bit has its own random number in each draw, as in ``draw_flips``, whatever the plan: a bit that is hit
    although it is protected is hit without protection too, and plans are compared under the same upsets. Samples other
    than those of the map show whether what the plan promises holds elsewhere. No set of flips is run twice.

    Args:
        network: Whose map the plan was made from.
        evaluate: The metric of a flipped network, float64 [samples]: of the same samples at every call.
        plan: Order and rate.
        draws: Independent sets of flips, at least 2.
        encoding: How codes are written in bits, a key of ``ENCODINGS``: that of the map.
        key: Names the draws.

    Returns:
        Number of protected bits, 0 to all -> the mean metric; its standard error is that of the change against no
        flips, over draws and over samples.

    Raises:
        LowlandError: Too few draws; when called, a number of protected bits out of range.
    """
    if draws < 2:
        raise LowlandError(f"draws is {draws}; expected at least 2, or no standard error can be given")
    residual = triplicated_rate(plan.bit_error_rate)
    ranks = _ranks(plan, network)
    hits = []
    for number in range(draws):
        draw = draw_flips(network, key=(*key, number))
        count = int(torch.searchsorted(draw.uniforms, plan.bit_error_rate))
        hit = (part[:count] for part in (draw.tensors, draw.elements, draw.positions))
        places = ranks[_identities(network, draw.names, *hit)]
        planned = places >= 0  # a plan may be about some of the stored bits only
        hits.append((places[planned], (draw.uniforms[:count] < residual)[planned]))

    @cache
    def change(places: tuple[int, ...]) -> Tensor:
        flips = _chosen(plan, torch.tensor(places, dtype=torch.int64))
        return evaluate(apply_flips(network, flips, encoding=encoding)) - clean

    def simulate(protected: int) -> Estimate:
        if not 0 <= protected <= len(plan):
            raise LowlandError(f"protected is {protected}; expected 0 to {len(plan)}, the bits of the plan")
        left = [places[(places >= protected) | both] for places, both in hits]
        changes = torch.stack([change(tuple(places.tolist())) for places in left])  # [draws, samples]
        over_draws, over_rows = (Estimate.from_samples(changes.mean(dim)) for dim in (1, 0))
        error = math.hypot(over_draws.standard_error, over_rows.standard_error)
        return Estimate(float(clean.mean()) + over_draws.value, error, draws)

    clean = evaluate(network)
    return simulate


def needed_by_simulation(simulate: Callable[[int], Estimate], plan: ProtectionPlan) -> int | None:
    """The least number of protected bits whose simulated metric surely holds the plan's floor, by bisection.

    Surely: ``SURE`` standard errors below the simulated metric still hold it (95 %, one side).

    Args:
        simulate: Number of protected bits -> metric, from ``protection_simulator``.
        plan: The plan.

    Returns:
        ``None`` where not even all suffice.
    """

    def holds(protected: int) -> bool:
        found = simulate(protected)
        return found.value - SURE * found.standard_error >= plan.floor

    low, high = 0, len(plan)
    if holds(low):
        return 0
    if not holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _ranks(plan: ProtectionPlan, network: IntegerNetwork) -> Tensor:
    """Place in the plan of each of a network's bits, -1 for those that it leaves out."""
    ranks = torch.full((network.size,), -1)
    ranks[_identities(network, plan.names, plan.tensors, plan.elements, plan.positions)] = torch.arange(len(plan))
    return ranks


def _identities(
    network: IntegerNetwork, names: Sequence[str], tensors: Tensor, elements: Tensor, positions: Tensor
) -> Tensor:
    """A number for each of a network's bits, 0 to all, the same whoever asks."""
    codes, widths = network.codes, network.bits
    sizes = torch.tensor([0, *(values.numel() * widths[name] for name, values in codes.items())])
    starts = dict(zip(codes, sizes.cumsum(0).tolist(), strict=False))
    start, width = (torch.tensor([found[name] for name in names])[tensors] for found in (starts, widths))
    return start + elements * width + positions


def _chosen(plan: ProtectionPlan, places: Tensor) -> Flips:
    """The flips at these places of a plan."""
    bits, tensors = {}, plan.tensors[places]
    for index, name in enumerate(plan.names):
        own = places[tensors == index]
        if len(own):
            bits[name] = (plan.elements[own], plan.positions[own])
    return Flips(bits)
