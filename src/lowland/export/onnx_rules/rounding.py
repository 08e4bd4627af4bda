"""Steps that round: floats to codes, accumulators to codes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.results import Site
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize


@onnx_rule("quantize")
def quantize(site: Site[Quantize], graph: OnnxGraph, name: str) -> str:
    """clamp(round(x / scale)) in float32, as the step computes it."""
    step = site.step
    values = name if site.inputs[0].is_float else graph.cast(name, np.float32)
    rounded = graph.node("Round", graph.node("Div", values, graph.constant(step.scale.to(torch.float32))))
    ends = (graph.constant(np.array(bound, np.float32)) for bound in (step.lowest, step.highest))
    return graph.cast(graph.node("Clip", rounded, *ends), np.int64)


@onnx_rule("requantize")
def requantize(site: Site[Requantize], graph: OnnxGraph, name: str) -> str:
    """Multiplier and shift in int64, ties to the even integer, clamped."""
    step = site.step
    rounded = rescaled(graph, name, step.multiplier, step.shift)
    return clamped(graph, rounded, step.lowest, step.highest)


def clamped(graph: OnnxGraph, name: str, lowest: int, highest: int) -> str:
    """Integers no further than these ends."""
    return graph.node("Clip", name, graph.constant(lowest), graph.constant(highest))


def rescaled(graph: OnnxGraph, name: str, multiplier: Tensor, shift: Tensor) -> str:
    """Integers times multiplier / 2^shift, ties to the even integer.

    Args:
        graph: To be added to.
        name: int64 whose products with the multiplier stay below 2^62.
        multiplier: int64, of a shape that multiplies the integers.
        shift: int64 of the same shape, 1 to 62.
    """
    return rounded_shift(graph, graph.node("Mul", name, graph.constant(multiplier)), shift)


def rounded_shift(graph: OnnxGraph, product: str, shift: Tensor) -> str:
    """Integers below 2^62 divided by 2^shift, ties to the even integer.

    ONNX shifts unsigned integers only, and divides towards zero: the integers are made positive by 2^62, a multiple of
    2^shift, before they are shifted.
    """
    shift = shift.to(torch.int64)
    one = torch.ones_like(shift)
    power, half = one << shift, one << (shift - 1)
    lifted = graph.cast(graph.node("Add", product, graph.constant(2**PRODUCT_BITS)), np.uint64)
    places = graph.constant(shift.numpy().astype(np.uint64))
    shifted = graph.cast(graph.node("BitShift", lifted, places, direction="RIGHT"), np.int64)
    below = graph.node("Sub", shifted, graph.constant(one << (PRODUCT_BITS - shift)))
    remainder = graph.node("Sub", product, graph.node("Mul", below, graph.constant(power)))
    odd = graph.node("Mod", below, graph.constant(2))
    above = graph.node("Greater", graph.node("Add", remainder, odd), graph.constant(half))
    return graph.node("Add", below, graph.cast(above, np.int64))
