"""How many bits activations may have on the mean, and the widths that a policy chooses from."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.precision import FEWEST_BITS, MOST_BYTE_BITS

SLACK = 1e-9
"""Of mean bits, so that a mean that is met exactly is met after rounding, too."""


@dataclass(frozen=True)
class Budget:
    r"""What a policy may spend: the mean width of activation codes, over all elements of a row that are coded.

    With widths :math:`b_l` and :math:`n_l` elements a row that layer l codes, the mean is
    :math:`\sum_l n_l b_l / \sum_l n_l`. What searches for harm must spend *at least* ``mean_bits``, so that its policy
    looks no cheaper than it is; what protects may spend *at most* as much.

    Attributes:
        choices: Widths in bits, rising.
        mean_bits: The mean that is to be met.
        elements: Elements of a row that each layer codes, in the order of the layers.
        goal: ``worst`` for the most harm at no fewer bits, ``best`` for the least harm at no more.
        over: Whether every ``input`` meets the mean for itself, or all ``inputs`` together on the mean.
    """

    choices: tuple[int, ...]
    mean_bits: float
    elements: tuple[int, ...]
    goal: Literal["worst", "best"] = "worst"
    over: Literal["input", "inputs"] = "input"

    def __post_init__(self) -> None:
        """Refuses what no policy can meet."""
        if not self.elements or min(self.elements) < 1:
            raise LowlandError(f"elements are {self.elements}; expected a number of at least 1 for each layer")
        if not self.choices or list(self.choices) != sorted(set(self.choices)):
            raise LowlandError(f"choices are {self.choices}; expected widths, rising, each once, such as [2, 4, 6, 8]")
        if self.choices[0] < FEWEST_BITS or self.choices[-1] > MOST_BYTE_BITS:
            raise LowlandError(f"choices are {self.choices}; expected {FEWEST_BITS} to {MOST_BYTE_BITS} bits")
        if not self.choices[0] <= self.mean_bits <= self.choices[-1]:
            raise LowlandError(
                f"mean_bits is {self.mean_bits}; expected a number from {self.choices[0]} to {self.choices[-1]}, the "
                "least and the most of choices"
            )

    @property
    def layers(self) -> int:
        """How many layers code."""
        return len(self.elements)

    def spent(self, widths: Sequence[int]) -> float:
        """Mean width of one policy; numbers of Python, since searches ask it a hundred times an evaluation."""
        return sum(map(operator.mul, self.elements, widths)) / sum(self.elements)

    def allows(self, widths: Sequence[int]) -> bool:
        """Whether one policy meets the mean."""
        spent = self.spent(widths)
        return spent >= self.mean_bits - SLACK if self.goal == "worst" else spent <= self.mean_bits + SLACK

    def mean(self, bits: Tensor) -> Tensor:
        """Mean widths of many policies' bits [..., layers], as float64 [...]."""
        weights = torch.tensor(self.elements, dtype=torch.float64)
        return (bits.double() * weights).sum(-1) / weights.sum()

    def met(self, bits: Tensor) -> Tensor:
        """Whether bits [..., layers] meet the mean [...]."""
        mean = self.mean(bits)
        return mean >= self.mean_bits - SLACK if self.goal == "worst" else mean <= self.mean_bits + SLACK

    def policies(self) -> Iterator[tuple[int, ...]]:
        """Bits of every static policy that meets the mean, in the order of ``itertools.product``."""
        yield from filter(self.allows, itertools.product(self.choices, repeat=self.layers))
