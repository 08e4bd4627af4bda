"""Changes of shape, which leave every integer as it is."""

from __future__ import annotations

from typing import Any

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.results import Site


@onnx_rule("flatten", "unflatten")
def reshape(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The same integers in their new shape."""
    return graph.reshape(name, site.result.shape)
