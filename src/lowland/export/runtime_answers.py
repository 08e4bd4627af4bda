"""What a deployed network answers in another runtime, computed there once and thrown away."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.export.c_judge import run_c
from lowland.export.c_source import export_c
from lowland.export.onnx import export_onnx
from lowland.export.onnx_judge import run_onnx
from lowland.quantization.graph.integer import IntegerNetwork

_FEW = 4  # rows that an export needs as an example


def runtime_outputs(network: nn.Module, inputs: Tensor, runtime: Literal["onnxruntime", "c"]) -> Tensor:
    """Outputs [rows, classes] of a network of integers as ONNX Runtime or a compiled C program computes them.

    Args:
        network: Integer from its inputs to its outputs.
        inputs: Floats [rows, ...], finite.
        runtime: Where it is computed.

    Returns:
        In float64: integers times their step size.

    Raises:
        LowlandError: Another kind of network, a part of it that stays float or that the format cannot say, or a package
            or compiler that is missing.
    """
    if not isinstance(network, IntegerNetwork) or network.spec["off_device"]:
        raise LowlandError(f"network is a {type(network).__name__} with a float part; expected integers to the outputs")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "network"
        if runtime == "c":
            integers = run_c(export_c(network, inputs[:_FEW], place), network, inputs)
        else:
            integers = run_onnx(export_onnx(network, inputs[:_FEW], place), inputs)
    return integers.to(torch.float64).reshape(len(inputs), -1) * network.output_scale.to(torch.float64)
