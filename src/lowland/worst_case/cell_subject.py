"""The networks of cells under policies: dynamic ones as they are, all others as near to that as they come."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.quantization import DynamicNetwork, IntegerNetwork, Precision, quantize_dynamically
from lowland.quantization.precision import MOST_BYTE_BITS
from lowland.worst_case.subject import PolicySubject


def cell_subject(
    network: nn.Module, sample: Tensor, *, activation_bits: int, runtime: str, float_from: str | None = None
) -> PolicySubject:
    """A cell's network with a choice of width before each layer.

    What the layers of a network of integers read, or of one that quantizes weights alone, is coded again where a
    policy gives them fewer bits than they have. A float network is first made dynamic, with 8 bits everywhere.

    Args:
        network: Of the cell.
        sample: Inputs [rows, ...], one at least.
        activation_bits: Width that the codes of a network of integers have.
        runtime: Whose arithmetic a float network is given.
        float_from: Layer from which on a float network is not deployed.

    Raises:
        LowlandError: No layer codes.
    """
    if isinstance(network, DynamicNetwork):
        codes = network.arithmetic.activations is not None
        return PolicySubject(network if codes else network.dequantized(), sample)
    if isinstance(network, IntegerNetwork):
        return PolicySubject(network.dequantized(), sample, own_bits=min(activation_bits, MOST_BYTE_BITS))
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime=runtime)
    return PolicySubject(quantize_dynamically(network, precision, float_from=float_from), sample)
