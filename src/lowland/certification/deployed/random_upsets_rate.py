"""Random flips at a rate: what is expected of a row, and how surely these rows hold a floor, with exact intervals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lowland.certification.deployed.answered_rows import answers_of
from lowland.certification.deployed.share import Share
from lowland.certification.deployed.upset_words import ACTIVATIONS, Upsets
from lowland.errors import LowlandError
from lowland.faults.bit_flips import apply_flips, draw_flips
from lowland.faults.flip_sets import FlipDraw, check_rate
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key

STORED = Upsets()


@torch.no_grad()
def accuracy_at_rates(
    network: IntegerNetwork,
    samples: tuple[Tensor, Tensor],
    rates: Sequence[float],
    *,
    upsets: Upsets = STORED,
    confidence: float = 0.95,
    key: tuple[Key, ...] = ("accuracy at rates",),
) -> list[Share]:
    """Expected accuracy under random flips at some rates, by one fresh set of flips for each row.

    So rows are independent trials, and the interval of Clopper and Pearson covers the expectation over flips and over
    rows like these; of these rows alone it covers, too (Hoeffding 1956: unequal trials spread less). Sets nest in the
    rate, and levels share draws: all intervals cover at once (Bonferroni).

    Args:
        network: Deployed network in integers.
        samples: Inputs [rows, ...] and classes [rows].
        rates: Probabilities that a stored bit is flipped, 0 to 1.
        upsets: Kinds of stored words and encoding; single bits.
        confidence: Of all levels together.
        key: Names the draws; one more word names the row.

    Returns:
        In the order of the rates.

    Raises:
        LowlandError: A rate or upsets that cannot be, no rows.

    Source:
        Hoeffding, Annals of Mathematical Statistics 27 (1956) 713.
    """
    inputs, labels = samples
    _check(rates, upsets, len(inputs))
    right = [0] * len(rates)
    for row in range(len(inputs)):
        own = inputs[row : row + 1], labels[row : row + 1]
        draw = draw_flips(network, targets=upsets.stored, key=(*key, row))
        for level, correct in enumerate(_right(network, own, draw, rates, upsets.encoding)):
            right[level] += int(correct.sum())
    return [Share.of(count, len(inputs), confidence=confidence, levels=len(rates)) for count in right]


@torch.no_grad()
def floor_at_rates(
    network: IntegerNetwork,
    samples: tuple[Tensor, Tensor],
    rates: Sequence[float],
    *,
    floor: float,
    draws: int,
    upsets: Upsets = STORED,
    confidence: float = 0.95,
    key: tuple[Key, ...] = ("floor at rates",),
) -> list[Share]:
    """Probability that the accuracy on these rows holds a floor under random flips: a share of independent draws.

    Args:
        network: Deployed network in integers.
        samples: Inputs [rows, ...] and classes [rows].
        rates: Probabilities that a stored bit is flipped, 0 to 1.
        floor: Accuracy that is held if it is not below.
        draws: Sets of flips, each of which hits all rows.
        upsets: Kinds of stored words and encoding; single bits.
        confidence: Of all levels together: sets nest in the rate and share draws (Bonferroni).
        key: Names the draws; one more word names each.

    Returns:
        In the order of the rates.

    Raises:
        LowlandError: As ``accuracy_at_rates``, no draws, a floor that is no share.
    """
    _check(rates, upsets, len(samples[0]))
    if draws < 1 or not 0 <= floor <= 1:
        raise LowlandError(f"draws is {draws} and floor {floor}; expected at least one draw, and a floor from 0 to 1")
    held = [0] * len(rates)
    for number in range(draws):
        draw = draw_flips(network, targets=upsets.stored, key=(*key, number))
        for level, correct in enumerate(_right(network, samples, draw, rates, upsets.encoding)):
            held[level] += float(correct.double().mean()) >= floor
    return [Share.of(count, draws, confidence=confidence, levels=len(rates)) for count in held]


def _right(
    network: IntegerNetwork, samples: tuple[Tensor, Tensor], draw: FlipDraw, rates: Sequence[float], encoding: str
) -> list[Tensor]:
    """Whether each row is right [rows] at each rate under one draw."""
    inputs, labels = samples
    known: dict[int, Tensor] = {}
    found = []
    for rate in rates:
        flips = draw.below(rate)
        if len(flips) not in known:  # sets nest: equal numbers are equal sets
            flipped = apply_flips(network, flips, encoding=encoding)
            known[len(flips)] = answers_of(flipped.forward_integer(inputs), flipped.output_scale) == labels
        found.append(known[len(flips)])
    return found


def _check(rates: Sequence[float], upsets: Upsets, rows: int) -> None:
    if not rows or not rates:
        raise LowlandError(f"got {rows} rows and {len(rates)} rates; expected at least one of each")
    for rate in rates:
        check_rate(rate, name="rates")
    if ACTIVATIONS in upsets.words or upsets.lengths != (1,):
        raise LowlandError(
            f"upsets are of {', '.join(upsets.words)} with lengths {list(upsets.lengths)}; expected single bits of "
            "stored words: activations are drawn for every inference, use TransientFlips"
        )
