"""Which upsets a statement is about: the words they hit, how these are written, and how many bits flip together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.coding.encodings import encoding_of
from lowland.errors import LowlandError
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.targets import KINDS
from lowland.quantization.graph.integer import IntegerNetwork

ACTIVATIONS = "activations"
WORDS = (*KINDS, ACTIVATIONS)
TIES = "lowest index"


@dataclass(frozen=True, slots=True)
class Upsets:
    """A set of upsets: each flips adjacent bits of one word, and each happens alone.

    Attributes:
        words: Of ``weights``, ``biases``, ``tables``, ``scales`` (multipliers and shifts are among them), ``float32``
            (parameters of float steps) and ``activations`` (each code of each inference, once, where it is computed).
        encoding: How codes of weights and biases are written in bits, a key of ``ENCODINGS``. Tables are plain binary,
            scales and float32 numbers have words of their own, activations are as their registers hold them.
        lengths: How many adjacent bits flip together, each length by itself; words that are shorter are not hit.
    """

    words: Sequence[str] = ("weights", "biases")
    encoding: str = "twos_complement"
    lengths: Sequence[int] = (1,)

    def __post_init__(self) -> None:
        if isinstance(self.words, str) or not self.words or not set(self.words) <= set(WORDS):
            raise LowlandError(f"words are {self.words!r}; expected one or more of {', '.join(WORDS)}")
        lengths = (self.lengths,) if isinstance(self.lengths, int) else self.lengths
        if not lengths or len(set(lengths)) < len(lengths) or min(lengths) < 1:
            raise LowlandError(f"lengths are {self.lengths!r}; expected different numbers of bits from 1 on")
        encoding_of(self.encoding)
        object.__setattr__(self, "words", tuple(self.words))
        object.__setattr__(self, "lengths", tuple(lengths))

    @property
    def stored(self) -> tuple[str, ...]:
        """The kinds of stored words among them."""
        return tuple(kind for kind in self.words if kind != ACTIVATIONS)


@dataclass(frozen=True, eq=False)
class HitWords:
    """The words of one network that upsets hit, and a number for each upset.

    Attributes:
        upsets: Which.
        sizes: Number of words and width of each by name: stored tensors (``0.weight``), and the codes that a rounding
            step hands on in one inference (``1.activation``).
    """

    upsets: Upsets
    sizes: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, network: IntegerNetwork, upsets: Upsets, inputs: Tensor) -> HitWords:
        """What a network has of them.

        Args:
            network: Deployed network.
            upsets: Which.
            inputs: One row at least [rows, ...]: says how many activations there are.

        Raises:
            LowlandError: No word of these kinds, or none that is long enough.
        """
        sizes = dict(stored_sizes(network, upsets.stored)) if upsets.stored else {}
        if ACTIVATIONS in upsets.words:
            with torch.no_grad():
                values = network.integer_values(inputs[:1])
            for name, width in network.activation_bits.items():
                sizes[f"{name}.activation"] = values[name].numel(), width
        widest = max(width for _, width in sizes.values())
        if max(upsets.lengths) > widest:
            raise LowlandError(
                f"lengths are {list(upsets.lengths)}; expected 1 to {widest}, the bits of the longest of these words"
            )
        return cls(upsets, sizes)

    @property
    def num_bits(self) -> int:
        """Bits that can be hit."""
        return sum(size * width for size, width in self.sizes.values())

    @property
    def num_upsets(self) -> int:
        """Upsets of all lengths."""
        return sum(
            size * max(0, width - length + 1) for size, width in self.sizes.values() for length in self.upsets.lengths
        )

    def numbers(self, name: str, elements: Tensor, positions: Tensor) -> Tensor:
        """A number from 0 to ``num_bits`` for each bit (int64).

        Args:
            name: Of the word's tensor.
            elements: Flat indices.
            positions: Bits, 0 the least significant.
        """
        start = 0
        for other, (size, width) in self.sizes.items():
            if other == name:
                return start + elements * width + positions
            start += size * width
        raise ValueError(f"name is {name!r}; expected one of {', '.join(self.sizes)}")

    def bit(self, number: int) -> tuple[str, int, int]:
        """Tensor, flat element and position of the bit with this number."""
        for name, (size, width) in self.sizes.items():
            if number < size * width:
                return name, *divmod(number, width)
            number -= size * width
        raise ValueError(f"number is {number} beyond the last bit; expected 0 to {self.num_bits - 1}")

    def settings(self) -> dict[str, Any]:
        """What a statement has to say of them, jsonable."""
        return {
            "words": list(self.upsets.words),
            "encoding": self.upsets.encoding,
            "lengths": list(self.upsets.lengths),
            "widths": {name: width for name, (_, width) in self.sizes.items()},
            "num_words": {name: size for name, (size, _) in self.sizes.items()},
            "num_bits": self.num_bits,
            "num_upsets": self.num_upsets,
            "ties": TIES,
            "arithmetic": "forward_integer",
        }
