"""Flipped bits of stored words, as they are named on a bench."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError, did_you_mean
from lowland.quantization.graph.integer import IntegerNetwork


@dataclass(frozen=True)
class Flip:
    """One flipped bit of a stored word.

    Attributes:
        tensor: Name of the tensor among ``network.codes``, such as ``0.weight``.
        element: Place of the word in the tensor, the last dimension running fastest.
        bit: Place of the bit in the word, 0 the least significant.
    """

    tensor: str
    element: int
    bit: int


def flipped(network: IntegerNetwork, flips: Iterable[Flip]) -> IntegerNetwork:
    """The network with these bits flipped, a bit that is named twice flipped back.

    Raises:
        LowlandError: A bit that the network does not store.
    """
    codes: dict[str, Tensor] = {}
    stored, bits, encodings = network.codes, network.bits, network.encodings()
    for flip in flips:
        check_flip(network, flip)
        words = codes.setdefault(flip.tensor, stored[flip.tensor].clone())
        word = words.view(-1)[flip.element]
        mask = torch.tensor(1 << flip.bit)
        words.view(-1)[flip.element] = encodings[flip.tensor].flipped(word.long(), mask, bits[flip.tensor])
    return network.with_codes(codes) if codes else network


def check_flip(network: IntegerNetwork, flip: Flip) -> None:
    """Refuse a bit that the network does not store.

    Raises:
        LowlandError: An unknown tensor, an element or a bit beyond its end.
    """
    codes, bits = network.codes, network.bits
    if flip.tensor not in codes:
        raise LowlandError(
            f"tensor of {flip} is {flip.tensor!r}; expected one of {', '.join(codes)}{did_you_mean(flip.tensor, codes)}"
        )
    for name, value, count in (
        ("element", flip.element, codes[flip.tensor].numel()),
        ("bit", flip.bit, bits[flip.tensor]),
    ):
        if not 0 <= value < count:
            raise LowlandError(f"{name} of {flip} is {value}; expected 0 to {count - 1}")
