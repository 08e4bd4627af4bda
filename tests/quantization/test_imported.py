"""Networks from outside: read from their spec, and held to the task's inputs and outputs."""

import sys

import numpy as np
import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork, deployment_check, imported_network

pytest.importorskip("onnx")
from tests.quantization.readers.qonnx_files import File, computed

ROWS = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
NETS = """
import torch
from brevitas import nn as qnn, quant

def load(inputs, outputs, width=5):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        qnn.QuantIdentity(act_quant=quant.Int8ActPerTensorFixedPoint),
        qnn.QuantLinear(inputs[0], width, bias=True, weight_bit_width=4),
        qnn.QuantReLU(bit_width=4),
        qnn.QuantLinear(width, outputs, bias=True, weight_bit_width=4),
    )

def words(inputs, outputs):
    return "no network"
"""


def file(path, *, inputs=3, outputs=2, quantized=True):
    """Two layers with a rectifier between them, as a QONNX file."""
    made = File(inputs)
    value = made.quant("x", 2.0**-4, 8) if quantized else "x"
    hidden = made.call("MatMul", value, made.weights(inputs, 6, scale=2.0**-2))
    hidden = made.quant(made.call("Relu", hidden), 2.0**-2, 5, signed=0)
    last = made.call("MatMul", hidden, made.weights(6, outputs, scale=2.0**-2, seed=1))
    return made.save(made.call("Add", last, np.linspace(-1, 1, outputs) // 2.0**-4 * 2.0**-4), path)


def spec(path, **changes):
    return {"kind": "qonnx", "path": str(path), "converter": None, "inputs": [3], "outputs": 2} | changes


def test_a_file_is_the_network_that_it_describes(tmp_path):
    path = file(tmp_path / "a.onnx")
    network = imported_network(spec(path), ROWS)
    assert torch.equal(network(ROWS), computed(path, ROWS))


def test_what_rounds_the_inputs_may_be_given_beside_the_file(tmp_path):
    path = file(tmp_path / "a.onnx", quantized=False)
    converter = {"bits": 8, "step": 2.0**-4, "signed": True}
    network = imported_network(spec(path, converter=converter), ROWS)
    on_grid = (ROWS / 2.0**-4).round() * 2.0**-4
    assert torch.equal(network(ROWS), computed(path, on_grid))


def test_a_brevitas_module_is_frozen_as_it_is(package):
    package.write("theirs.nets", NETS)
    asked = {"kind": "brevitas", "build": "theirs.nets:load", "options": {"width": 7}, "inputs": [3], "outputs": 2}
    network = imported_network(asked, ROWS)
    assert network.codes["1.weight"].shape == (7, 3) and set(network.bits.values()) >= {4}
    with pytest.raises(LowlandError, match=r"theirs\.nets:words returns str; expected a torch\.nn\.Module"):
        imported_network(asked | {"build": "theirs.nets:words", "options": {}}, ROWS)


def test_its_copy_with_float_parameters_comes_back_from_spec_and_tensors(tmp_path):
    network = imported_network(spec(file(tmp_path / "a.onnx")), ROWS).eval()
    copied = network.dequantized().eval()
    again = IntegerNetwork.from_spec(copied.spec).dequantized()
    again.load_state_dict(copied.state_dict(), assign=True)
    assert copied.spec["kind"] == "dequantized" and isinstance(network, IntegerNetwork)
    assert torch.equal(again.eval()(ROWS), network(ROWS))
    check = deployment_check(copied, network, ROWS)
    assert check.largest_difference == 0 and check.integer_samples == 0


@pytest.mark.parametrize(
    "made, changes, message",
    [
        ({"inputs": 4}, {}, r"a\.onnx has inputs of shape 4; the task has 3$"),
        (
            {"outputs": 5},
            {},
            r"a\.onnx has outputs of shape \(5,\); the task has 2: expected one a class",
        ),
        ({"quantized": False}, {}, r"a\.onnx does not quantize its inputs \(MatMul takes them as they are\); say what"),
        ({}, {"path": "b.onnx"}, r"no file b\.onnx; expected a model in QONNX format"),
    ],
)
def test_what_does_not_fit_the_task_is_one_line(tmp_path, made, changes, message):
    path = file(tmp_path / "a.onnx", **made)
    with pytest.raises(LowlandError, match=message) as error:
        imported_network(spec(path) | changes, ROWS)
    assert "\n" not in str(error.value)


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    path = file(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(LowlandError, match=r"needs the package onnx; expected it: pip install -e '\.\[onnx\]'"):
        imported_network(spec(path), ROWS)
