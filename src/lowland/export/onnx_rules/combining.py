"""Steps that compute with integers element by element: sums, products, means, opposites."""

from __future__ import annotations

from functools import reduce
from typing import Any

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.results import Site


@onnx_rule("add")
def add(site: Site[Any], graph: OnnxGraph, *names: str) -> str:
    """The sum of all."""
    return reduce(lambda left, right: graph.node("Add", left, right), names)


@onnx_rule("multiply")
def multiply(site: Site[Any], graph: OnnxGraph, first: str, second: str) -> str:
    """The product."""
    return graph.node("Mul", first, second)


@onnx_rule("mean")
def mean(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The sum over the dimensions: the division is the scale's."""
    arguments = site.step.arguments
    return graph.node("ReduceSum", name, graph.constant(arguments["dims"]), keepdims=int(arguments["keepdim"]))


@onnx_rule("rescale")
def rescale(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The integers or their opposites: the size of the factor is the scale's."""
    return name if site.step.factor > 0 else graph.node("Neg", name)
