"""Foreign runtimes compute the integers of every kind of precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lowland.export import export_c, export_onnx, run_c, run_onnx
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.export.networks import needs_gcc
from tests.quantization.graph.test_residual import made

OPTIONS: list[dict[str, Any]] = [
    {"activations": "asymmetric"},
    {"scale": "power_of_two", "per_channel": True},
    {"layer_bits": {"*": {"activations": 6}}},
]


@needs_gcc
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_integers_are_the_same_in_onnx_runtime_and_in_c(options: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    network, inputs = made("residual")
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4, **options)
    frozen = freeze(calibrate(build_quantized(network, precision, input_bits=8, example=inputs[:2]), inputs))
    expected = frozen.forward_integer(inputs)
    assert torch.equal(run_onnx(export_onnx(frozen, inputs[:1], tmp_path / "network.onnx"), inputs), expected)
    export_c(frozen, inputs[:4], tmp_path / "c")
    assert torch.equal(run_c(tmp_path / "c", frozen, inputs).reshape(expected.shape), expected)
