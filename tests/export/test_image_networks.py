"""Networks for images as ONNX and C: the same integers, with zero points and a scale for each channel."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from lowland.export import export_c, export_onnx, run_c, run_onnx
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.architectures.image_networks import SMALL, samples, trained
from tests.export.networks import needs_gcc


@cache
def frozen(kind):
    inputs = samples(64)[0]
    precision = Precision(
        method="ptq", weight_bits=8, activation_bits=8, activations="asymmetric", calibration="max", per_channel=True
    )
    twin = build_quantized(trained(kind), precision, input_bits=8, input_signed=False, example=inputs[:2])
    return freeze(calibrate(twin, inputs).eval())


@pytest.mark.parametrize("kind", SMALL)
def test_onnx_computes_the_integers_of_the_network(kind, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network, inputs = frozen(kind), samples(30, seed=1)[0]
    path = export_onnx(network, inputs[:2], tmp_path / "network.onnx")
    assert torch.equal(run_onnx(path, inputs), network.forward_integer(inputs))


@needs_gcc
@pytest.mark.parametrize("kind", SMALL)
def test_c_computes_the_integers_of_the_network(kind, tmp_path):
    network, inputs = frozen(kind), samples(30, seed=1)[0]
    folder = export_c(network, inputs[:2], tmp_path / "c")
    assert torch.equal(run_c(folder, network, inputs), network.forward_integer(inputs))
