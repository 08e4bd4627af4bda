"""Steps that look integers up."""

from __future__ import annotations

import numpy as np

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.onnx_rules.rounding import clamped
from lowland.export.results import Site, stored_name
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.table_step import Table


@onnx_rule("table")
def table(site: Site[Table], graph: OnnxGraph, name: str) -> str:
    """The entry of each code, of the nearest one outside."""
    step = site.step
    place = clamped(graph, graph.node("Sub", name, graph.constant(step.lowest)), 0, len(step.table) - 1)
    entries = graph.cast(graph.word(stored_name(step, "table"), "table", step.table), np.int64)
    return graph.node("Gather", entries, place, axis=0)


@onnx_rule("embedding")
def embedding(site: Site[Embedding], graph: OnnxGraph, name: str) -> str:
    """The row of weights of each token."""
    step = site.step
    rows = graph.cast(graph.word(stored_name(step, "weight"), "rows", step.weight), np.int64)
    tokens = graph.cast(name, np.int64) if site.inputs[0].is_float else name
    return graph.node("Gather", rows, tokens, axis=0)
