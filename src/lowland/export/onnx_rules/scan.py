"""Bodies of steps that are repeated along a sequence: recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule, tell_steps
from lowland.export.results import Result, Site, body_sites
from lowland.quantization.graph.step import INPUTS


@onnx_rule("scan")
def scan(site: Site[Any], graph: OnnxGraph, sequence: str, *marks: str) -> str:
    """ONNX's Scan: the body stands once, whatever the length of the sequence."""
    step, loop = site.step, site.step.loop
    states = list(loop.states)
    first = _zeros(graph, sequence, loop.size)
    declared = graph.helper.make_tensor_value_info
    integer, single = (graph.helper.np_dtype_to_tensor_dtype(np.dtype(kind)) for kind in (np.int64, np.float32))
    inner = {name: f"{graph.scope}{step.name}.{name}" for name in (*states, INPUTS, "mark")}
    with graph.body(step.name) as nodes:
        names = dict(inner)
        tell_steps(body_sites(site)[1], graph, names)
        graph.begin("states")
        made = {state: names[source] for state, source in loop.states.items()}
        if marks and loop.padding is not None:
            mark = graph.constant(np.array(loop.padding, np.float32 if site.inputs[1].is_float else np.int64))
            padded = graph.node("Unsqueeze", graph.node("Equal", inner["mark"], mark), graph.constant([1]))
            made = {state: graph.node("Where", padded, inner[state], value) for state, value in made.items()}
        results = [graph.node("Identity", value) for value in (*made.values(), made[loop.result])]
    marked = [(inner["mark"], single if site.inputs[1].is_float else integer)] if marks else []
    taken = [*((inner[state], integer) for state in states), (inner[INPUTS], integer), *marked]
    body = graph.helper.make_graph(
        nodes,
        f"{graph.scope}{step.name}",
        [declared(name, kind, None) for name, kind in taken],
        [declared(name, integer, None) for name in results],
    )
    sequences = [
        _places_first(graph, name, value, reverse=loop.reverse)
        for name, value in zip((sequence, *marks), site.inputs, strict=True)
    ]
    shown = graph.scan(body, [first] * len(states), sequences)
    return _places_first(graph, shown, site.result, reverse=loop.reverse, back=True)


def _places_first(graph: OnnxGraph, name: str, value: Result, *, reverse: bool, back: bool = False) -> str:
    """Rows and places in turned order, places from the last one on where asked for; or the way back."""
    perm = [1, 0, *range(2, 1 + len(value.shape))]
    turned = graph.node("Transpose", name, perm=perm)
    if not reverse:
        return turned
    order = graph.constant(list(reversed(range(value.shape[0]))))
    return graph.node("Gather", turned, order, axis=1 if back else 0)


def _zeros(graph: OnnxGraph, sequence: str, size: int) -> str:
    """States before the first place, [rows, size]."""
    rows = graph.node("Slice", graph.node("Shape", sequence), graph.constant([0]), graph.constant([1]))
    shape = graph.node("Concat", rows, graph.constant([size]), axis=0)
    zero = graph.numpy_helper.from_array(np.array([0], np.int64))
    return graph.node("ConstantOfShape", shape, value=zero)
