"""Steps that move integers without computing with them."""

from __future__ import annotations

from typing import Any

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.places import places_moved
from lowland.export.results import Site


@onnx_rule("flatten", "unflatten", "reshape")
def reshape(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The same integers in their new shape."""
    return graph.reshape(name, site.result.shape)


@onnx_rule("permute")
def permute(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """Dimensions in another order."""
    return graph.node(
        "Transpose", name, perm=[dim % (1 + len(site.result.shape)) for dim in site.step.arguments["dims"]]
    )


@onnx_rule("concat")
def concat(site: Site[Any], graph: OnnxGraph, *names: str) -> str:
    """One behind the other along a dimension."""
    return graph.node("Concat", *names, axis=site.step.arguments["dim"])


@onnx_rule("slice", "pad", "upsample")
def move(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """Integers by their places, 0 around them."""
    return graph.gather(name, places_moved(site), site.inputs[0])
