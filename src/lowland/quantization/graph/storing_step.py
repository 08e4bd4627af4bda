"""Steps that store words: codes of weights, biases, tables and embeddings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor

from lowland.coding.encodings import encoding_of, plain_binary
from lowland.errors import LowlandError
from lowland.quantization.graph.step import Step


class StoredCodes(NamedTuple):
    """A tensor of codes as memory holds it.

    Attributes:
        codes: Integers of any shape, in the smallest type of torch that holds them.
        bits: Width of a word.
        scale: Name of the step's tensor that says what a code is worth.
        lowest: The code whose word is 0 where words are plain binary; ``None``: two's complement.
    """

    codes: Tensor
    bits: int
    scale: str
    lowest: int | None = None


class StoringStep(Step):
    """A step with stored words of its own."""

    @property
    @abstractmethod
    def stored(self) -> dict[str, StoredCodes]:
        """The step's own tensors of codes by their names in it (``weight``), not those of a step that it is tied to."""

    @abstractmethod
    def with_codes(self, codes: Mapping[str, Tensor]) -> Self:
        """The same step with other codes by the names of ``stored``; everything else is shared."""


def check_codes(name: str, new: Tensor, stored: StoredCodes) -> None:
    """Refuse codes that cannot stand in place of stored ones.

    Args:
        name: Of the tensor.
        new: Its codes to be.
        stored: What they replace.

    Raises:
        LowlandError: Another shape, a float, or a code that the width cannot hold.
    """
    old, bits = stored.codes, stored.bits
    if new.shape != old.shape or new.is_floating_point():
        raise LowlandError(
            f"codes of {name} are {new.dtype} of shape {tuple(new.shape)}; "
            f"expected integers of shape {tuple(old.shape)}"
        )
    encoding = encoding_of("twos_complement") if stored.lowest is None else plain_binary(stored.lowest)
    lowest, highest = encoding.lowest(bits), encoding.highest(bits)
    low, high = torch.aminmax(new)
    if low < lowest or high > highest:
        way = "two's complement" if stored.lowest is None else "plain binary"
        raise LowlandError(
            f"codes of {name} span {int(low)} to {int(high)}; {bits} bits of {way} hold {lowest} to {highest}"
        )
