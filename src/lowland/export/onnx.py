"""An integer network as ONNX, in operators that compute the same integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lowland.export.files import check_absent, write_file
from lowland.export.onnx_graph import OPSET, OnnxGraph, onnx_package
from lowland.export.onnx_rules import tell_steps
from lowland.export.results import Deployed, Result, deployed
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.step import INPUTS

INTEGERS = "integers"
"""Name of the output that equals ``forward_integer``."""

OUTPUTS = "outputs"
"""Name of the output in floats: integers times their scale."""

ROWS = "rows"
_IR_VERSION = 8  # of onnx 1.13, the release of opset 18


def export_onnx(network: IntegerNetwork, example: Tensor, path: str | Path, *, float_outputs: bool = False) -> Path:
    """Write a deployed network as an ONNX file whose output ``integers`` equals ``forward_integer``, bit for bit.

    Codes of up to 8 bits meet in MatMulInteger and ConvInteger, wider ones in MatMul of int64; accumulators are scaled
    by integer multipliers and shifts. No float scale occurs but the one that quantizes the inputs. Behind a last step
    that computes in floats, such as a softmax, ``integers`` holds these floats, as ``forward_integer`` gives them.

    Args:
        network: Frozen. A float part behind it (``off_device`` of its spec) is left off: the output is what it reads.
        example: Inputs [rows, ...], which say the shape of a row; the file takes any number of rows.
        path: Of a file that does not exist yet.
        float_outputs: Whether the file has the output ``outputs`` as well, float32: integers times their scale.

    Returns:
        The path.

    Raises:
        LowlandError: The path exists, the package onnx is missing, or another kind of network.
        MistakesError: Steps that ONNX cannot say, one line each.
    """
    path = Path(path)
    check_absent(path)
    model = onnx_model(deployed(network, example), float_outputs=float_outputs)
    write_file(path, model.SerializeToString(deterministic=True))
    return path


def onnx_model(part: Deployed, *, float_outputs: bool = False) -> Any:
    """The deployed part of a network as an ``onnx.ModelProto``.

    Args:
        part: Of ``deployed``.
        float_outputs: See ``export_onnx``.

    Raises:
        LowlandError: The package onnx is missing.
        MistakesError: Steps that ONNX cannot say, one line each.
    """
    graph = OnnxGraph()
    names = {INPUTS: INPUTS}
    tell_steps(part.sites, graph, names)
    return _model(graph, part, names[part.output], float_outputs=float_outputs)


def _model(graph: OnnxGraph, part: Deployed, integers: str, *, float_outputs: bool) -> Any:
    """The graph with its inputs and outputs named and typed."""
    helper = graph.helper
    graph.begin(OUTPUTS)
    graph.nodes.append(helper.make_node("Identity", [integers], [INTEGERS], INTEGERS))
    outputs = [_typed(helper, INTEGERS, part.result, np.float32 if part.result.is_float else np.int64)]
    if float_outputs:
        floats = graph.cast(integers, np.float32)
        graph.nodes.append(helper.make_node("Mul", [floats, graph.constant(part.scale)], [OUTPUTS], OUTPUTS))
        outputs.append(_typed(helper, OUTPUTS, part.result, np.float32))
    inputs = [_typed(helper, INPUTS, part.inputs, np.float32)]
    made = helper.make_graph(graph.nodes, "integer_network", inputs, outputs, list(graph.constants.values()))
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="lowland"
    )
    helper.set_model_props(model, {"output_scale": json.dumps(part.scale.tolist())})
    onnx_package().checker.check_model(model)
    return model


def _typed(helper: Any, name: str, result: Result, dtype: type[np.generic]) -> Any:
    """The declaration of an input or output."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [ROWS, *result.shape])
