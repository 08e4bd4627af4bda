"""Unary activations of a value that is being read: cut off where that is all they do, else looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lowland.quantization.readers.assembler import Assembler
from lowland.quantization.readers.flow import Flow, NotInteger


def activated(assembler: Assembler, flow: Flow, function: str, arguments: Mapping[str, Any], name: str) -> Flow:
    """A function of a value, which the quantizer behind it carries out.

    Args:
        assembler: Of the network.
        flow: The value.
        function: A key of ``FUNCTIONS``.
        arguments: Of the function.
        name: For steps that the value itself needs first.

    Raises:
        NotInteger: A function of what another one has given, without a quantizer between.
    """
    limits = {
        "relu": lambda: (0.0, float("inf")),
        "relu6": lambda: (0.0, 6.0),
        "hardtanh": lambda: (float(arguments.get("min_val", -1)), float(arguments.get("max_val", 1))),
        "clamp": lambda: (
            float("-inf") if arguments.get("min") is None else float(arguments["min"]),
            float("inf") if arguments.get("max") is None else float(arguments["max"]),
        ),
    }
    if function in limits:
        return flow.limited(*limits[function]())
    if flow.function is not None:
        raise NotInteger(f"is {function} of an activation's results that nobody has quantized: quantize them first")
    if flow.cut_off:
        if flow.codes is None:
            raise NotInteger(f"is {function} of rectified values that nobody has quantized: quantize them first")
        flow = assembler.quantize(flow, flow.codes, f"{name}_in")
    return replace(assembler.settled(flow), function=(function, dict(arguments)))
