"""Channels between neighbouring layers rescaled, and equalized, while the network's function stays."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.quantization.graph.operations import TRANSPOSED, geometry, num_channels, weighted_kind
from lowland.quantization.graph.traced_network import Node, TracedNetwork

Factors = Callable[[Tensor, Tensor], Tensor]
"""(Largest weight that writes a channel, largest that reads it) [channels] to positive factors [channels]."""

_TOLERANCE = 1e-7  # of the logarithms of a sweep's factors
_COMMUTING = (nn.ReLU, nn.LeakyReLU, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.Flatten, nn.Unflatten)
_MIXING = ("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d")
_MOST_SWEEPS = 1000  # every sweep leaves the function as it is, so a slow chain may stop anywhere


def equalized(network: TracedNetwork) -> TracedNetwork:
    r"""The same function with the ranges of neighbouring layers with weights made equal, channel by channel.

    With :math:`s_i = \sqrt{r^{(1)}_i r^{(2)}_i} / r^{(2)}_i`, r the largest weight that writes or reads the channel,
    both ranges become :math:`\sqrt{r^{(1)}_i r^{(2)}_i}`. Pairs are visited in turn until no factor moves.

    Args:
        network: Batch-norm folded; left as it came.

    Returns:
        A network whose layers with weights are copies.

    Source:
        Nagel et al. 2019, arXiv:1906.04721, section 4.1, eq. 9 to 11.
    """
    return rescaled(network, lambda written, read: (read / written).sqrt(), sweeps=_MOST_SWEEPS)


def rescaled(network: TracedNetwork, factors: Factors, *, sweeps: int = 1) -> TracedNetwork:
    r"""The same function with the channels between neighbouring layers with weights multiplied by factors.

    ReLU, pooling and changes of shape commute with positive factors, so channel i between two layers can be multiplied
    by :math:`f_i` in the first and divided by it in the second.

    A channel that is flattened covers several inputs of a linear layer, a channel that is unflattened several outputs
    of one. Channels that nobody writes or reads stay, and so do pairs whose channels are mixed between them, or whose
    values something else takes as well.

    Args:
        network: Batch-norm folded; left as it came.
        factors: Of the largest weights that write and that read each channel [channels]: positive factors [channels].
        sweeps: How often all pairs are visited at most; fewer where no factor moves.

    Returns:
        A network whose layers with weights are copies.
    """
    copies: dict[int, Any] = {}  # a layer that is called twice stays one
    nodes = {
        name: replace(node, layer=copy.deepcopy(node.layer, copies)) if weighted_kind(node.layer) else node
        for name, node in network.nodes.items()
    }
    first = {id(nodes[name].layer): name for name in reversed(list(nodes))}
    weighted: dict[str, Any] = {name: nodes[name].layer for name in nodes if weighted_kind(nodes[name].layer)}
    weighted = {name: layer for name, layer in weighted.items() if first[id(layer)] == name}
    result = replace(network, nodes=nodes)
    pairs = list(_once_a_layer(_pairs(result), nodes))
    with torch.no_grad():
        # In float64, so that all the factors together leave the function alone.
        weights = {name: layer.weight.double().contiguous() for name, layer in weighted.items()}
        biases = {name: layer.bias.double() for name, layer in weighted.items() if layer.bias is not None}
        involved = {name for pair in pairs for name in (pair.first, pair.second)}
        matrices = {name: _by_channels(weighted[name], weights[name]) for name in involved}
        for _ in range(sweeps):
            moved = [_rescale(pair, matrices, biases, factors) for pair in pairs]
            if all(bool((factor.log().abs() <= _TOLERANCE).all()) for factor in moved):
                break
        for name, layer in weighted.items():
            layer.weight.copy_(weights[name])
            if name in biases:
                layer.bias.copy_(biases[name])
    return result


def _once_a_layer(pairs: Iterable[_Pair], nodes: Mapping[str, Node]) -> Iterator[_Pair]:
    """Pairs of layers under the names of their first calls; only those whose calls all stand in the same pair."""
    first = {id(nodes[name].layer): name for name in reversed(list(nodes))}
    calls = Counter(first[id(node.layer)] for node in nodes.values())
    named = Counter(
        _Pair(first[id(nodes[pair.first].layer)], first[id(nodes[pair.second].layer)], pair.channels) for pair in pairs
    )
    for pair, count in named.items():
        if count == calls[pair.first] == calls[pair.second] and (count == 1 or pair.first != pair.second):
            yield pair


class _Pair(NamedTuple):
    """Two neighbours and the number of channels between them that can have a factor of their own."""

    first: str
    second: str
    channels: int


def _rescale(pair: _Pair, matrices: Mapping[str, Tensor], biases: Mapping[str, Tensor], factors: Factors) -> Tensor:
    """Multiplies the channels of one pair, in place; their factors."""
    first, second = matrices[pair.first], matrices[pair.second]
    written = first.abs().amax((2, 3)).reshape(pair.channels, -1).amax(1)
    read = second.abs().amax((1, 3)).reshape(pair.channels, -1).amax(1)
    factor = factors(written, read).where((written > 0) & (read > 0), 1.0)
    outputs = factor.repeat_interleave(first.shape[0] * first.shape[1] // pair.channels)
    inputs = factor.repeat_interleave(second.shape[0] * second.shape[2] // pair.channels)
    first.mul_(outputs.reshape(first.shape[0], -1, 1, 1))
    second.div_(inputs.reshape(second.shape[0], 1, -1, 1))
    if pair.first in biases:
        biases[pair.first].mul_(outputs)
    return factor


def _by_channels(layer: nn.Module, weight: Tensor) -> Tensor:
    """A view of weights as [groups, outputs a group, inputs a group, taps]."""
    kind, sizes = weighted_kind(layer), geometry(layer)
    groups = sizes.get("groups", 1)
    split = weight.view(groups, len(weight) // groups, weight.shape[1], -1)
    return split.transpose(1, 2) if kind in TRANSPOSED else split


def _pairs(network: TracedNetwork) -> Iterator[_Pair]:
    """Neighbours with weights whose channels stay apart between them, and that nobody else listens to."""
    consumers = network.consumers
    for name, node in network.nodes.items():
        if weighted_kind(node.layer) not in _MIXING:
            continue
        between = list[nn.Module]()
        last = node
        while last.name != network.output and len(consumers[last.name]) == 1:
            last = consumers[last.name][0]
            if weighted_kind(last.layer) is not None:
                if weighted_kind(last.layer) in _MIXING:
                    channels = _channels(node.layer, between, last.layer)
                    if channels is not None:
                        yield _Pair(name, last.name, channels)
                break
            if not isinstance(last.layer, _COMMUTING):
                break
            between.append(last.layer)


def _channels(first: nn.Module, between: Sequence[nn.Module], second: nn.Module) -> int | None:
    """Into how many groups, in order of storage, channels fall that nothing mixes on the way; ``None`` if unknown."""
    written, sizes = num_channels(str(weighted_kind(first)), geometry(first)), geometry(second)
    wants_features = isinstance(second, nn.Linear)
    read = sizes["in_features"] if wants_features else sizes["in_channels"]
    channels, features, flattened = written, isinstance(first, nn.Linear), False
    for layer in between:
        if isinstance(layer, nn.Unflatten):
            if layer.dim != 1 or (features and prod(layer.unflattened_size) != written):
                return None
            channels, features = min(channels, layer.unflattened_size[0]), False
        elif isinstance(layer, nn.Flatten):
            if layer.start_dim != 1 or (features and not flattened and read != written):
                return None  # the features of a sequence lie in another order
            features, flattened = layer.end_dim == -1, True
        elif not isinstance(layer, nn.ReLU | nn.LeakyReLU) and (features or flattened):
            return None  # windows over features
    if features != wants_features or written % channels or read % channels:
        return None
    return channels
