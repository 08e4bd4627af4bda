"""How many bits the weights and the activations of a deployed network have on average."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lowland.quantization.dynamic.layers import CodedLayer
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.graph.integer import FLOAT_BITS, IntegerNetwork
from lowland.quantization.graph.step import INPUTS


class MeanBits(NamedTuple):
    """Average widths; whole numbers where they are.

    Attributes:
        weights: Over all weights, biases excluded; those that stay float have 32 bits. ``None`` without weights.
        activations: Over the values of one row that are rounded, those of the input excluded; 32 where all stay float.
            Of dynamic networks over all values that layers in codes read: what the first of them reads is coded as all
            others. ``None`` without any.
    """

    weights: float | None
    activations: float | None


def mean_bits(network: IntegerNetwork | DynamicNetwork, inputs: Tensor) -> MeanBits:
    r"""Average widths: :math:`\sum_i b_i n_i / \sum_i n_i` over tensors of :math:`n_i` elements with :math:`b_i` bits.

    Args:
        network: As it is deployed.
        inputs: Rows [rows, ...], of which the first tells how many values there are.
    """
    if isinstance(network, DynamicNetwork):
        return _of_words(network, inputs[:1])
    widths = network.bits
    weights = [(widths[name], codes.numel()) for name, codes in network.codes.items() if name.endswith(".weight")]
    floats = [(FLOAT_BITS, value.numel()) for name, value in network.float_words.items() if name.endswith("weight")]
    with torch.no_grad():
        values = network.float_values(inputs[:1])
    of_input = {name for name, step in network.steps.items() if step.inputs == (INPUTS,)}
    rounded = [(bits, values[name].numel()) for name, bits in network.activation_bits.items() if name not in of_input]
    return MeanBits(_mean([*weights, *floats]), _mean(rounded))


def _of_words(network: DynamicNetwork, inputs: Tensor) -> MeanBits:
    """Those of a network whose layers have codes or stay float."""
    words = network.weights_and_biases.items()
    weights = [(stored.bits, stored.values.numel()) for name, stored in words if "weight" in name.rpartition(".")[2]]
    if network.arithmetic.activations is None:
        return MeanBits(_mean(weights), FLOAT_BITS)
    read: list[tuple[int, int]] = []

    def count(layer: nn.Module, values: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, CodedLayer)  # of no others are hooks
        read.append((layer.widths.activation_bits, values[0].numel()))

    hooks = [layer.register_forward_pre_hook(count) for _, layer in network.coded_layers()]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return MeanBits(_mean(weights), _mean(read))


def _mean(counted: Iterable[tuple[int, int]]) -> float | None:
    """The mean of numbers with how often they occur."""
    pairs = list(counted)
    total, count = sum(bits * size for bits, size in pairs), sum(size for _, size in pairs)
    if not count:
        return None
    return total // count if total % count == 0 else total / count
