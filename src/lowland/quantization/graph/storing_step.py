"""Steps that store words: codes of weights, biases, tables and embeddings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Self

from torch import Tensor

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
