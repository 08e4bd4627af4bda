"""Float networks with channels rescaled between their layers: the same function, other ranges."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from lowland.quantization.calibration.equalization import equalized
from lowland.quantization.effective_weights import independent_copy, with_plain_weights
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.trace import traced
from lowland.quantization.graph.traced_network import TracedNetwork


def equalized_network(network: nn.Module, sample: Tensor) -> nn.Module:
    """The same function with the ranges of neighbouring layers made equal, channel by channel.

    Args:
        network: In float, in evaluation mode; left as it came.
        sample: Inputs [rows, ...], which tell sizes.

    Returns:
        A copy, batch-norm folded; with its ``spec`` where nothing had to be folded.

    Raises:
        LowlandError: A network that cannot be traced.

    Source:
        Nagel et al. 2019, arXiv:1906.04721.
    """
    return changed(network, sample, equalized)


def changed(network: nn.Module, sample: Tensor, change: Callable[[TracedNetwork], TracedNetwork]) -> nn.Module:
    """A copy of a float network with the weights that a change of its graph leaves.

    Args:
        network: Left as it came.
        sample: Inputs [rows, ...].
        change: Gives a graph of the same layers with other weights and biases.
    """
    plain = fold_batch_norm(independent_copy(with_plain_weights(network))).eval()
    graph = change(traced(plain, example=sample[:1]))
    layers = {name: node.layer for name, node in graph.nodes.items() if weighted_kind(node.layer)}
    with torch.no_grad():
        for path, layer in plain.named_modules():
            if not weighted_kind(layer):
                continue
            name = next((key for key in _names(path) if key in layers), None)
            if name is None:
                raise LowlandError(f"layer {path!r} is not in the graph of the network; expected one that it computes")
            for tensor, parameter in layer.named_parameters(recurse=False):
                parameter.copy_(getattr(layers[name], tensor))
    return plain


def _names(path: str) -> tuple[str, ...]:
    """What the graph can call a layer: by its path, or by its path inside ``layers``."""
    return path.replace(".", "_"), path.removeprefix("layers.").replace(".", "_")
