"""Which nodes do the same to different results of one layer, so that they share their scales."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from torch import nn

from lowland.quantization.graph.activations import TABLES, table_function
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.operators import arguments_of, kind_of
from lowland.quantization.graph.traced_network import TracedNetwork


def twins(network: TracedNetwork) -> dict[str, str]:
    """The first of the nodes that stand at the same place behind a layer with weights that is called several times.

    The calls of such a layer are at one place; so are nodes without weights that do the same to values at the same
    places. Nodes that depend on no such layer stand alone and are left out.

    Args:
        network: The graph.

    Returns:
        By the node's own name; that of the first one is itself.
    """
    calls = Counter(id(node.layer) for node in network.nodes.values())
    first: dict[Hashable, str] = {}
    found: dict[str, str] = {}
    for node in network.nodes.values():
        place: Hashable = None
        if weighted_kind(node.layer) is not None and calls[id(node.layer)] > 1:
            place = id(node.layer)
        elif any(source in found for source in node.inputs) and (function := _function(node.layer)) is not None:
            place = (function, *(found.get(source, source) for source in node.inputs))
        if place is not None:
            found[node.name] = first.setdefault(place, node.name)
    return found


def _function(layer: nn.Module) -> Hashable:
    """What a layer without weights computes; ``None`` for others."""
    if next(layer.parameters(), None) is not None:
        return None
    if isinstance(layer, TABLES):
        name, arguments = table_function(layer)
        return name, repr(arguments)
    kind = kind_of(layer)
    return repr(layer) if kind is None else (kind, repr(arguments_of(layer)))
