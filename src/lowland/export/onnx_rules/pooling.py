"""Pooling of integers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.places import places_of_windows, pooling_axes
from lowland.export.results import Site
from lowland.quantization.graph.weighted_step import EXACT_BITS, SINGLE_BITS


@onnx_rule("max_pool1d", "max_pool2d")
def max_pool(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """MaxPool on floats that hold the integers; where these do not, or windows reach outside, gathered integers."""
    reach, axes = site.inputs[0].reach, pooling_axes(site)
    inside = all(axis.padding == 0 and axis.dilation == 1 for axis in axes) and not site.step.arguments["ceil_mode"]
    if not inside or reach > 2**EXACT_BITS:  # runtimes differ in what they make of windows that are cut off
        return _reduced("ReduceMax", site, graph, name)
    pooled = graph.node(
        "MaxPool",
        graph.cast(name, np.float32 if reach <= 2**SINGLE_BITS else np.float64),
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
    )
    return graph.cast(pooled, np.int64)


@onnx_rule("avg_pool1d", "avg_pool2d")
def sum_pool(site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The sum of each window."""
    return _reduced("ReduceSum", site, graph, name)


def _reduced(operator: str, site: Site[Any], graph: OnnxGraph, name: str) -> str:
    """The integers of each window, gathered and made one."""
    channels, *sizes = site.inputs[0].shape
    by_channel = graph.reshape(name, [channels, prod(sizes)])
    padded = graph.node("Pad", by_channel, graph.constant([0, 0, 1, 0, 0, 0]), graph.constant(0))
    places = places_of_windows(pooling_axes(site), repeat=operator == "ReduceMax")
    windows = graph.node("Gather", padded, graph.constant(places), axis=2)
    return graph.reshape(graph.node(operator, windows, graph.constant([-1]), keepdims=0), site.result.shape)
