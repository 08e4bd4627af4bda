"""What foreign runtimes make of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.export.onnx_graph import onnx_package
from lowland.export.results import check_finite
from lowland.quantization.graph.step import INPUTS

BATCH = 256
"""Rows that are computed at once."""

Runtime = Literal["onnxruntime", "reference"]


def run_onnx(path: str | Path, inputs: Tensor, *, runtime: Runtime = "onnxruntime", output: str = "integers") -> Tensor:
    """One output of an exported ONNX file for rows of inputs.

    Args:
        path: Of the file.
        inputs: Floats [rows, ...], finite.
        runtime: ``onnxruntime`` (on the CPU), or ``reference``: the executor of the package onnx, in NumPy and slow.
        output: ``integers``, or ``outputs`` where the file has them.

    Returns:
        [rows, ...], int64 or float32.

    Raises:
        LowlandError: A package is missing, or inputs that are not finite.
    """
    check_finite(inputs)
    run = RUNTIMES[runtime](str(path))
    parts = [
        run([output], {INPUTS: batch.detach().cpu().to(torch.float32).numpy()})[0] for batch in inputs.split(BATCH)
    ]
    return torch.from_numpy(np.concatenate(parts))


def _onnxruntime(path: str) -> Callable[..., Any]:
    try:
        import onnxruntime
    except ImportError as error:
        raise LowlandError(
            "ONNX Runtime needs the package onnxruntime, which is not installed; pip install 'lowland[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run


def _reference(path: str) -> Callable[..., Any]:
    onnx_package()
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(path).run


RUNTIMES: dict[str, Callable[[str], Callable[..., Any]]] = {"onnxruntime": _onnxruntime, "reference": _reference}
"""How the file is opened by name of the runtime."""
