"""QONNX files made by hand, and what they compute by onnx's own reference evaluator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from torch import Tensor

DOMAIN = "qonnx.custom_op.general"


class Quant(OpRun):
    """arXiv:2206.07527, section 4."""

    op_domain = DOMAIN

    def _run(self, x, scale, zero, bits, signed=1, narrow=0, rounding_mode="ROUND"):
        half = 2 ** (float(bits) - 1)
        lowest, highest = (-half + narrow, half - 1) if signed else (0, 2 * half - 1 - narrow)
        codes = np.round(np.clip(x / scale + zero, lowest, highest))
        return (((codes - zero) * scale).astype(np.float32),)


class BipolarQuant(OpRun):
    """The same, section 4."""

    op_domain = DOMAIN

    def _run(self, x, scale):
        return ((np.where(x >= 0, 1, -1) * scale).astype(np.float32),)


class File:
    """Collects the nodes of a file.

    Args:
        shape: Of one row.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values) -> str:
        whole = isinstance(values, np.ndarray) and values.dtype == np.int64
        values = values if whole else np.asarray(values, dtype=np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def call(self, kind: str, *inputs, domain: str = "", name: str = "", **attributes) -> str:
        output = f"v{len(self.nodes)}"
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, names, [output], domain=domain, name=name, **attributes))
        return output

    def quant(self, value, scale, bits, *, zero=0.0, signed=1, narrow=0, rounding_mode="ROUND", name="") -> str:
        return self.call(
            "Quant",
            value,
            scale,
            zero,
            bits,
            domain=DOMAIN,
            name=name,
            signed=signed,
            narrow=narrow,
            rounding_mode=rounding_mode,
        )

    def weights(self, *shape: int, scale=0.25, bits: int = 4, seed: int = 0, **more) -> str:
        values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        return self.quant(values, scale, bits, **more)

    def save(self, output: str, path: Path, *, opset: int = 15) -> Path:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.shape])]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "made", inputs, outputs, initializer=self.constants)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
        return path


def computed(path: Path, inputs: Tensor) -> Tensor:
    """The outputs [rows, ...] of a file by onnx's reference evaluator, row by row as the file says."""
    evaluator = ReferenceEvaluator(str(path), new_ops=[Quant, BipolarQuant])
    return torch.from_numpy(np.concatenate([evaluator.run(None, {"x": row[None].numpy()})[0] for row in inputs]))
