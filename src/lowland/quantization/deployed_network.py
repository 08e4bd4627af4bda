"""What every deployed network can be asked, whatever arithmetic it is computed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from torch import Tensor, nn


class StoredTensor(NamedTuple):
    """A tensor as it lies in the memory of the device.

    Attributes:
        values: Codes (integers of any width), or float32 numbers.
        bits: Width of one word.
        encoding: ``codes``: integers whose encoding in bits is chosen where bits are flipped; ``float32``: IEEE-754.
    """

    values: Tensor
    bits: int
    encoding: Literal["codes", "float32"]


class DeployedNetwork(Protocol):
    """A network as it is deployed: a module with stored words.

    ``IntegerNetwork`` computes in integers alone and has more; a ``DynamicNetwork`` has scales that follow the inputs,
    float biases or float activations, and is this alone.
    """

    @property
    def spec(self) -> dict[str, Any]:
        """What rebuilds it without its tensors, jsonable."""
        ...

    @property
    def words(self) -> dict[str, StoredTensor]:
        """What memory holds, by tensor name; what is not deployed is not among it."""
        ...

    @property
    def size(self) -> int:
        """Bits that store weights and biases."""
        ...

    def with_words(self, values: Mapping[str, Tensor]) -> DeployedNetwork:
        """The network with other values in some of its words; left as it came."""
        ...

    def dequantized(self) -> nn.Module:
        """A differentiable copy with float parameters, roundings straight-through."""
        ...

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...]."""
        ...
