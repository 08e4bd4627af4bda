"""Random flips at a rate: what is expected of a row, and how surely these rows hold a floor, with exact intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lowland.certification.deployed.answered_rows import answers_of
from lowland.certification.deployed.share import Share
from lowland.certification.deployed.upset_words import ACTIVATIONS, Upsets
from lowland.errors import LowlandError
from lowland.faults.bit_flips import apply_flips, stored_sizes
from lowland.faults.flip_sets import check_rate, draw_rare_bits
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key


@dataclass(frozen=True, slots=True)
class Exposure:
    """Random flips of stored bits at some rates.

    Attributes:
        rates: Probabilities that a stored bit is flipped, 0 to 1; sets of flips nest in them.
        upsets: Kinds of stored words and encoding; single bits.
        confidence: Of the intervals of all levels together: they share draws (Bonferroni).
        key: Names the draws.

    Raises:
        LowlandError: Rates or upsets that cannot be.
    """

    rates: Sequence[float]
    upsets: Upsets = field(default_factory=Upsets)
    confidence: float = 0.95
    key: tuple[Key, ...] = ("exposure",)

    def __post_init__(self) -> None:
        if not len(self.rates):
            raise LowlandError("rates are empty; expected at least one, from 0 to 1")
        for rate in self.rates:
            check_rate(rate, name="rates")
        if ACTIVATIONS in self.upsets.words or self.upsets.lengths != (1,):
            raise LowlandError(
                f"upsets are of {', '.join(self.upsets.words)} with lengths {list(self.upsets.lengths)}; expected "
                "single bits of stored words: activations are drawn for every inference, use TransientFlips"
            )


@torch.no_grad()
def accuracy_at_rates(network: IntegerNetwork, samples: tuple[Tensor, Tensor], exposure: Exposure) -> list[Share]:
    """Expected accuracy under random flips at some rates, by one fresh set of flips for each row.

    So rows are independent trials, and the interval of Clopper and Pearson covers the expectation over flips and over
    rows like these; of these rows alone it covers, too (Hoeffding 1956: unequal trials spread less).

    Args:
        network: Deployed network in integers.
        samples: Inputs [rows, ...] and classes [rows].
        exposure: To what; one more word of the key names the row.

    Returns:
        In the order of the rates.

    Raises:
        LowlandError: No rows, words that the network does not have.

    Source:
        Hoeffding, Annals of Mathematical Statistics 27 (1956) 713.
    """
    inputs, labels = samples
    if not len(inputs):
        raise LowlandError("samples have no rows; expected at least one")
    right = [0] * len(exposure.rates)
    for row in range(len(inputs)):
        own = inputs[row : row + 1], labels[row : row + 1]
        for level, correct in enumerate(_right(network, own, exposure, row)):
            right[level] += int(correct.sum())
    return [_share(count, len(inputs), exposure) for count in right]


@torch.no_grad()
def floor_at_rates(
    network: IntegerNetwork,
    samples: tuple[Tensor, Tensor],
    exposure: Exposure,
    *,
    floor: float,
    draws: int,
) -> list[Share]:
    """Probability that the accuracy on these rows holds a floor under random flips: a share of independent draws.

    Args:
        network: Deployed network in integers.
        samples: Inputs [rows, ...] and classes [rows].
        exposure: To what; one more word of the key names each draw.
        floor: Accuracy that is held if it is not below.
        draws: Sets of flips, each of which hits all rows.

    Returns:
        In the order of the rates.

    Raises:
        LowlandError: As ``accuracy_at_rates``, no draws, a floor that is no share.
    """
    if draws < 1 or not 0 <= floor <= 1:
        raise LowlandError(f"draws is {draws} and floor {floor}; expected at least one draw, and a floor from 0 to 1")
    if not len(samples[0]):
        raise LowlandError("samples have no rows; expected at least one")
    held = [0] * len(exposure.rates)
    for number in range(draws):
        for level, correct in enumerate(_right(network, samples, exposure, number)):
            held[level] += float(correct.double().mean()) >= floor
    return [_share(count, draws, exposure) for count in held]


def _right(network: IntegerNetwork, samples: tuple[Tensor, Tensor], exposure: Exposure, number: int) -> list[Tensor]:
    """Whether each row is right [rows] at each rate under one draw."""
    inputs, labels = samples
    upsets = exposure.upsets
    sizes = stored_sizes(network, upsets.stored)
    draw = draw_rare_bits(sizes, (*exposure.key, number), rate=max(exposure.rates))
    known: dict[int, Tensor] = {}
    found = []
    for rate in exposure.rates:
        flips = draw.below(rate)
        if len(flips) not in known:  # sets nest: equal numbers are equal sets
            flipped = apply_flips(network, flips, encoding=upsets.encoding)
            known[len(flips)] = answers_of(flipped.forward_integer(inputs), flipped.output_scale) == labels
        found.append(known[len(flips)])
    return found


def _share(count: int, trials: int, exposure: Exposure) -> Share:
    return Share.of(count, trials, confidence=exposure.confidence, levels=len(exposure.rates))
