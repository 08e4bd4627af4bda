"""How a signed code is written into the bits of a word, and what one flipped bit does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError


@dataclass(frozen=True)
class Encoding:
    """A way to write integers as words of a fixed width.

    Attributes:
        name: Its key in ``ENCODINGS``.
        lowest: The lowest code that so many bits can hold.
        encode: Codes and width -> words, the bits as a number from 0 to 2^bits - 1 (int64).
        decode: Words and width -> codes (int64); every word has a code.
        highest: The highest code that so many bits can hold: 2^(bits-1) - 1 in all of ``ENCODINGS``.
    """

    name: str
    lowest: Callable[[int], int]
    encode: Callable[[Tensor, int], Tensor]
    decode: Callable[[Tensor, int], Tensor]
    highest: Callable[[int], int] = lambda bits: 2 ** (bits - 1) - 1

    def check(self, codes: Tensor, bits: int, *, name: str) -> None:
        """Refuses codes that the word cannot hold.

        Raises:
            LowlandError: Names the tensor and the range.
        """
        if not codes.numel():
            return
        low, high = (int(bound) for bound in torch.aminmax(codes))
        lowest, highest = self.lowest(bits), self.highest(bits)
        if low < lowest or high > highest:
            raise LowlandError(
                f"codes of {name!r} reach from {low} to {high}; expected {lowest} to {highest} in {bits} bits of "
                f"{self.name}"
            )

    def changes(self, codes: Tensor, bits: int, *, length: int = 1) -> Tensor:
        """Signed change of each code by each single bit flip, or by each upset of adjacent bits.

        Args:
            codes: Integers of any shape that the word can hold.
            bits: Width of the word.
            length: Adjacent bits that flip together, 1 to ``bits``.

        Returns:
            [*codes.shape, bits - length + 1] int64, by the lowest of the bits that flip.
        """
        lowest = torch.arange(bits - length + 1, device=codes.device)
        places = torch.full_like(lowest, 2**length - 1) << lowest
        values = codes.to(torch.int64)
        return self.flipped(values[..., None], places, bits) - values[..., None]

    def flipped(self, codes: Tensor, masks: Tensor, bits: int) -> Tensor:
        """The codes after all bits in the masks have flipped.

        Args:
            codes: Integers (int64) that the word can hold.
            masks: The bits to flip, as numbers from 0 to 2^bits - 1 (int64), of a shape that fits the codes.
            bits: Width of the word.

        Returns:
            int64; they may leave a narrow range: -2^(bits-1) is a code.
        """
        return self.decode(self.encode(codes, bits) ^ masks, bits)


def _twos_complement_codes(words: Tensor, bits: int) -> Tensor:
    half = 2 ** (bits - 1)
    return (words ^ half) - half


def _sign_magnitude_words(codes: Tensor, bits: int) -> Tensor:
    return codes.abs() | ((codes < 0).to(torch.int64) << (bits - 1))


def _sign_magnitude_codes(words: Tensor, bits: int) -> Tensor:
    magnitude = words & (2 ** (bits - 1) - 1)
    return torch.where(words >> (bits - 1) == 1, -magnitude, magnitude)


ENCODINGS: dict[str, Encoding] = {
    encoding.name: encoding
    for encoding in (
        Encoding(
            "twos_complement",
            lowest=lambda bits: -(2 ** (bits - 1)),
            encode=lambda codes, bits: codes & (2**bits - 1),
            decode=_twos_complement_codes,
        ),
        Encoding(
            "sign_magnitude",
            lowest=lambda bits: 1 - 2 ** (bits - 1),
            encode=_sign_magnitude_words,
            decode=_sign_magnitude_codes,
        ),
        Encoding(
            "offset_binary",
            lowest=lambda bits: -(2 ** (bits - 1)),
            encode=lambda codes, bits: codes + 2 ** (bits - 1),
            decode=lambda words, bits: words - 2 ** (bits - 1),
        ),
    )
}


def plain_binary(lowest: int) -> Encoding:
    """Codes as unsigned numbers, counted from the lowest one: how words with a zero point are stored.

    Args:
        lowest: The code whose word is 0.
    """
    return Encoding(
        "plain_binary",
        lowest=lambda bits: lowest,
        encode=lambda codes, bits: codes - lowest,
        decode=lambda words, bits: words + lowest,
        highest=lambda bits: lowest + 2**bits - 1,
    )


def encoding_of(name: str) -> Encoding:
    """The encoding of this name.

    Raises:
        LowlandError: There is none.
    """
    if name not in ENCODINGS:
        raise LowlandError(f"encoding: got {name!r}; expected one of {', '.join(ENCODINGS)}")
    return ENCODINGS[name]
