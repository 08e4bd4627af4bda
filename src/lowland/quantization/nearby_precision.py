"""A deployed network in the precision next to its own: its weights with their lowest bit left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.precision import FEWEST_BITS


def with_a_bit_less(network: nn.Module) -> nn.Module | None:
    """The same network with every weight code rounded to an even one, ties to the multiple of four.

    Even codes at a scale are codes of a bit less at twice the scale. A device that holds the network computes it with
    nothing else stored.

    Args:
        network: As it is deployed; left as it came.

    Returns:
        ``None`` where no weight has a code, or none of more than two bits.
    """
    if isinstance(network, IntegerNetwork):
        widths = network.bits
        stored = {name: (codes, widths[name]) for name, codes in network.codes.items() if name.endswith(".weight")}
        fewer = _even(stored)
        return network.with_codes(fewer) if fewer else None
    if not isinstance(network, DynamicNetwork):
        return None
    words = network.words.items()
    coded = {name: (each.values, each.bits) for name, each in words if each.encoding == "codes"}
    fewer = _even(coded)
    return network.with_words(fewer) if fewer else None


def _even(stored: dict[str, tuple[Tensor, int]]) -> dict[str, Tensor]:
    """Even codes of those that can lose a bit."""
    found = {}
    for name, (codes, bits) in stored.items():
        if bits > FEWEST_BITS:
            lowest, highest = code_range(bits, signed=True)
            even = 2 * (codes.to(torch.float64) / 2).round()
            found[name] = even.clamp(lowest, highest - 1).to(codes.dtype)
    return found
