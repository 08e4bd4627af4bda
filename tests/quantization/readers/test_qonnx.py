"""QONNX files as integer networks, against onnx's reference evaluator and against qonnx where it is installed."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import freeze
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.weighted_step import Weighted
from lowland.quantization.readers.flow import CodeRange
from lowland.quantization.readers.qonnx import read_qonnx
from tests.quantization.readers.agreement import check_agrees, codes_apart
from tests.quantization.readers.test_brevitas import KINDS, Residual, settled, values
from tests.real_data import real

pytest.importorskip("onnx")

from tests.quantization.readers.qonnx_files import DOMAIN, File, computed


def normalised(file: File, value: str, channels: int, seed: int = 1) -> str:
    draw = np.random.default_rng(seed)
    numbers = [draw.normal(size=channels) for _ in range(3)] + [draw.uniform(0.5, 2, size=channels)]
    return file.call("BatchNormalization", value, *numbers, epsilon=1e-5)


def dense(file: File) -> str:
    """As QKeras writes them: sums of quantized biases at scales of their own."""
    x = file.quant("x", 0.125, 8)
    x = file.call("MatMul", x, file.weights(6, 9))
    x = file.call("Add", x, file.quant(np.linspace(-1, 1, 9), 0.0625, 6))
    x = file.quant(file.call("Relu", x), 0.25, 4, signed=0)
    x = file.call("Gemm", x, file.weights(4, 9, seed=2), np.linspace(-0.3, 0.3, 4), transB=1)
    return file.call("Softmax", x, axis=1)


def batch_normed(file: File) -> str:
    """As Brevitas writes them: transposed weights with a scale a channel, batch-norm before the quantizer."""
    x = file.quant("x", 0.07, 8, narrow=1)
    scales = np.linspace(0.1, 0.3, 12, dtype=np.float32)[:, None]
    x = file.call("MatMul", x, file.call("Transpose", file.weights(12, 6, scale=scales, narrow=1), perm=[1, 0]))
    x = file.quant(normalised(file, x, 12), 0.4, 3, narrow=1)
    x = file.call("MatMul", x, file.weights(12, 4, seed=3))
    return file.call("Add", file.call("Mul", file.call("Div", x, 3.7), 1.3), -0.21)


def convolved(file: File) -> str:
    """Convolutions, a residual sum, pooling, a flattened end."""
    x = file.quant(file.call("Sub", file.call("Mul", "x", 2.0), 1.0), 0.25, 5)
    x = file.call("Conv", x, file.weights(6, 2, 3, 3), np.linspace(-1, 1, 6), pads=[0, 0, 0, 0], strides=[1, 1])
    x = file.quant(
        file.call("MaxPool", file.call("Relu", normalised(file, x, 6)), kernel_shape=[2, 2], strides=[2, 2]),
        0.2,
        4,
        signed=0,
    )
    y = file.call("Conv", x, file.weights(6, 1, 3, 3, seed=2), group=6, pads=[1, 1, 1, 1])
    x = file.call("Add", file.quant(normalised(file, y, 6, 2), 0.1, 6), file.quant(x, 0.2, 6))
    x = file.quant(file.call("Relu", x), 0.25, 5)
    x = file.call("GlobalAveragePool", x)
    x = file.call("Reshape", x, np.array([-1, 6], dtype=np.int64))
    return file.call("MatMul", x, file.weights(6, 3, seed=4))


def reshaped(file: File) -> str:
    """Shapes computed in the file, transposes, concatenation, a bipolar matrix, tables, a zero point."""
    rows = file.call("Gather", file.call("Shape", "x"), np.array(0, dtype=np.int64))
    rows = file.call("Unsqueeze", rows, np.array([0], dtype=np.int64))
    shape = file.call("Concat", rows, np.array([-1], dtype=np.int64), axis=0)
    flat = file.quant(file.call("Reshape", "x", shape), 0.05, 8, zero=3.0)
    back = file.call("Reshape", flat, np.array([0, 2, 3], dtype=np.int64))
    turned = file.call("Flatten", file.call("Transpose", back, perm=[0, 2, 1]))
    x = file.call("Concat", flat, turned, axis=1)
    signs = file.call(
        "BipolarQuant", np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32), 0.5, domain=DOMAIN
    )
    x = file.quant(file.call("MatMul", x, signs), 0.125, 7)
    x = file.quant(file.call("Sigmoid", x), 1 / 32, 5, signed=0)
    x = file.quant(file.call("Clip", file.call("MatMul", x, file.weights(8, 5, seed=6)), -1.0, 0.8), 0.11, 6)
    return file.call("MatMul", x, file.weights(5, 3, seed=7))


def shifted(file: File) -> str:
    """Inputs that are moved before they are quantized, padded and spread out by what follows; a part of them."""
    x = file.call("Slice", "x", *(np.array([value], dtype=np.int64) for value in (0, 5, 3)))
    x = file.quant(file.call("Add", file.call("Mul", x, 2.0), -1.0), 0.25, 5)
    y = file.call("ConvTranspose", x, file.weights(2, 3, 2, 2), strides=[2, 2], name="spread")
    y = file.quant(file.call("Relu", y), 0.3, 4, signed=0)
    x = file.quant(file.call("Conv", x, file.weights(3, 2, 3, 3, seed=2), pads=[1, 1, 1, 1]), 0.3, 4)
    x = file.call(
        "Concat", *(file.call("Reshape", value, np.array([1, -1], dtype=np.int64)) for value in (x, y)), axis=1
    )
    return file.call("MatMul", x, file.weights(375, 3, seed=3))


FILES = {
    "shifted": (shifted, (2, 5, 6)),
    "dense": (dense, (6,)),
    "batch_normed": (batch_normed, (6,)),
    "convolved": (convolved, (2, 8, 8)),
    "reshaped": (reshaped, (2, 3)),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_as_they_compute(name: str, tmp_path: Path) -> None:
    build, shape = FILES[name]
    file = File(*shape)
    path = file.save(build(file), tmp_path / "model.onnx")
    inputs = torch.randn(300, *shape, generator=torch.Generator().manual_seed(0))
    expected = computed(path, inputs)
    if name == "dense":  # the softmax is left off
        logits = read_qonnx(path)(inputs)
        assert torch.allclose(logits.softmax(1), expected, atol=1e-6)
        expected = logits
    check_agrees(read_qonnx(path), expected, inputs)


@pytest.mark.parametrize("biased", [False, True])
def test_weights_that_several_layers_take_stand_once(tmp_path: Path, *, biased: bool) -> None:
    file, biases = File(6), iter((np.arange(6) / 16, np.arange(6) / -8))

    def layer(value: str, weights: str) -> str:
        result = file.call("MatMul", value, weights)
        return file.call("Add", result, next(biases)) if biased else result

    x, weights = file.quant("x", 2.0**-4, 8), file.weights(6, 6, scale=2.0**-2)
    x = file.quant(file.call("Relu", layer(x, weights)), 2.0**-2, 5, signed=0)
    path = file.save(layer(x, weights), tmp_path / "model.onnx")
    inputs = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    network = read_qonnx(path)
    check_agrees(network, computed(path, inputs), inputs)
    assert [codes.numel() for name, codes in network.codes.items() if name.endswith("weight")] == [36]
    assert sum(name.endswith("bias") for name in network.codes) == 2 * biased
    again = IntegerNetwork.from_spec(network.spec)
    again.load_state_dict(network.state_dict(), assign=True)
    assert torch.equal(again.forward_integer(inputs), network.forward_integer(inputs))
    copied = network.dequantized()
    assert sum(p.numel() for p in copied.parameters()) == 36 + 12 * biased
    torch.testing.assert_close(copied(inputs), network(inputs))


def test_summands_between_steps_keep_every_threshold(tmp_path: Path) -> None:
    """A batch-norm of coarse accumulators: rounding its shift to whole accumulator steps would move thresholds."""
    file = File(8)
    x = file.call("MatMul", file.quant("x", 1.0, 2, narrow=1), file.weights(8, 40, scale=1.0, bits=2, narrow=1))
    x = file.quant(normalised(file, x, 40), 0.5, 3)
    path = file.save(file.call("MatMul", x, file.weights(40, 3, seed=2)), tmp_path / "model.onnx")
    inputs = torch.randint(-1, 2, (500, 8), generator=torch.Generator().manual_seed(0)).float()
    network = read_qonnx(path)
    check_agrees(network, computed(path, inputs), inputs)
    assert codes_apart(network, inputs) == (0.0, 0)
    (shift,) = (codes for name, codes in network.codes.items() if name.endswith("_bias.bias"))
    whole = network.codes[next(name for name in network.codes if name.endswith("_bias.weight"))].abs()
    assert bool((shift.long() % whole.long() != 0).any())


def test_biases_on_the_grid_of_accumulators_need_no_step_of_their_own(tmp_path: Path) -> None:
    file = File(6)
    network = read_qonnx(file.save(dense(file), tmp_path / "model.onnx"))
    first = next(step for step in network.steps.values() if isinstance(step, Weighted))
    steps = torch.linspace(-1, 1, 9).div(0.0625).round().clamp(-32, 31) * 0.0625 / (0.125 * 0.25)
    assert torch.equal(first.bias.double(), steps.double())


def test_inputs_that_a_file_leaves_in_float_are_converted_as_asked(tmp_path: Path) -> None:
    file = File(6)
    path = file.save(file.call("MatMul", "x", file.weights(6, 3)), tmp_path / "model.onnx")
    with pytest.raises(LowlandError, match=r"MatMul .* takes inputs that nobody has quantized"):
        read_qonnx(path)
    network = read_qonnx(path, converter=CodeRange(12, True, torch.tensor(2.0**-8)))
    inputs = torch.randint(-2048, 2048, (50, 6), generator=torch.Generator().manual_seed(0)) / 256
    check_agrees(network, computed(path, inputs), inputs)
    assert network.activation_bits == {"input": 12}


REFUSED = {
    "rounds by FLOOR": lambda f: f.quant("x", 0.1, 4, rounding_mode="FLOOR"),
    "cuts off low bits": lambda f: f.call("Trunc", f.quant("x", 0.1, 4), 1.0, 0.0, 8.0, 4.0, domain=DOMAIN),
    "gives weights the zero point 2": lambda f: f.call("MatMul", f.quant("x", 0.1, 4), f.weights(6, 6, zero=2.0)),
    "has weights that nobody quantizes": lambda f: f.call("MatMul", f.quant("x", 0.1, 4), np.eye(6)),
    "has no integer step: expected Quant nodes": lambda f: f.call("Erf", f.quant("x", 0.1, 4)),
    "is sigmoid of values that nobody has quantized": lambda f: f.quant(
        f.call("Sigmoid", f.call("MatMul", f.quant("x", 0.1, 4), f.weights(6, 6))), 0.1, 4
    ),
    "gives activations -1 and 1": lambda f: f.call("BipolarQuant", f.quant("x", 0.1, 4), 1.0, domain=DOMAIN),
    "quantizes activations with one scale a channel": lambda f: f.quant("x", np.linspace(0.1, 0.6, 6), 4),
    "the output is rectified": lambda f: f.call("Relu", f.call("MatMul", f.quant("x", 0.1, 4), f.weights(6, 6))),
    "scales that differ within a channel": lambda f: f.call(
        "MatMul", f.quant("x", 0.1, 4), f.weights(6, 6, scale=np.linspace(0.1, 0.6, 6, dtype=np.float32)[:, None])
    ),
    "joins integers worth": lambda f: f.call("Add", f.quant("x", 0.1, 4), f.quant("x", 0.07, 4)),
    "has weights that are not finite": lambda f: f.call(
        "MatMul", f.quant("x", 0.1, 4), f.quant(np.full((6, 6), np.nan), 0.1, 4)
    ),
    "computes with constants that are not finite": lambda f: f.call(
        "Add", f.call("MatMul", f.quant("x", 0.1, 4), f.weights(6, 6)), np.full(6, np.nan)
    ),
    "adds numbers that are not finite": lambda f: f.call(
        "Gemm", f.quant("x", 0.1, 4), f.weights(6, 6), np.full(6, np.nan)
    ),
    "Softmax .* has no integer step": lambda f: f.call(
        "Softmax", f.call("MatMul", f.quant("x", 0.1, 4), f.weights(6, 6)), axis=0
    ),
    "takes the mean over rows": lambda f: f.call("ReduceMean", f.quant("x", 0.1, 4), axes=[0]),
    "expected rows to stay first": lambda f: f.call("Reshape", f.quant("x", 0.1, 4), np.array([2, 3], dtype=np.int64)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_integer_network_is_named(message: str, tmp_path: Path) -> None:
    file = File(6)
    path = file.save(REFUSED[message](file), tmp_path / "model.onnx")
    with pytest.raises(LowlandError, match=f"model.onnx is no integer network: .*{message}") as refusal:
        read_qonnx(path)
    assert "\n" not in str(refusal.value)


def test_all_of_it_is_named_at_once(tmp_path: Path) -> None:
    file = File(6)
    x = file.quant("x", 0.1, 4)
    both = [file.call("Erf", x, name="one"), file.call("Sign", x, name="two")]
    path = file.save(file.call("Add", *both), tmp_path / "model.onnx")
    with pytest.raises(LowlandError, match=r"Erf one has no integer step.*; Sign two has no integer step"):
        read_qonnx(path)


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LowlandError, match=r"no file .*absent\.onnx"):
        read_qonnx(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(LowlandError, match="cannot be read as ONNX"):
        read_qonnx(tmp_path / "text.onnx")


def test_without_onnx_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(LowlandError, match=r"needs the package onnx; expected it: pip install -e '\.\[onnx\]'"):
        read_qonnx(tmp_path / "model.onnx")


@pytest.mark.filterwarnings("ignore")  # of torch's exporter
@pytest.mark.parametrize("kind", ["one scale a channel", "powers of two", "biases with scales of their own"])
def test_what_brevitas_exports_is_the_network_that_freeze_makes(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxoptimizer")
    pytest.importorskip("onnxscript")
    from brevitas.export import export_qonnx

    torch.manual_seed(0)
    model, inputs = settled(Residual(**KINDS[kind]), (2, 8, 8))
    export_qonnx(model, inputs[:1], str(tmp_path / "model.onnx"), dynamo=False)
    network, frozen = read_qonnx(tmp_path / "model.onnx"), freeze(model, inputs)
    check_agrees(network, values(model, inputs), inputs)
    stored = [
        [step.weight.tolist() for step in each.steps.values() if isinstance(step, Weighted) and step.kind != "affine"]
        for each in (network, frozen)
    ]
    assert stored[0] == stored[1] and len(stored[0]) == 3


CONVERTERS = {"qkeras_jettagging": CodeRange(16, True, torch.tensor(2.0**-10))}


@pytest.mark.parametrize("name", ["qkeras_jettagging", "kwsmlp_w3a3", "TFC_2W2A"])
def test_models_of_the_zoo_equal_their_own_executor(name: str) -> None:
    path = real(f"peers/qonnx/{name}.onnx")
    wrapper = pytest.importorskip("qonnx.core.modelwrapper")
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.change_batchsize import ChangeBatchSize
    from qonnx.transformation.infer_shapes import InferShapes

    draw = torch.Generator().manual_seed(0)
    inputs = {
        "qkeras_jettagging": lambda: torch.randint(-(2**12), 2**12, (1000, 16), generator=draw) * 2.0**-10,
        "kwsmlp_w3a3": lambda: 256 * torch.rand(1000, 1, 10, 49, generator=draw) - 128,
        "TFC_2W2A": lambda: torch.rand(1000, 1, 28, 28, generator=draw),
    }[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old names of domains, and of shapes that only one row has
        model = wrapper.ModelWrapper(str(path)).transform(ChangeBatchSize(1000)).transform(InferShapes())
        results = execute_onnx(model, {model.graph.input[0].name: inputs.numpy()}, return_full_exec_context=True)
    last = model.graph.node[-1]
    expected = torch.from_numpy(results[last.input[0] if last.op_type == "Softmax" else last.output[0]])
    network = read_qonnx(path, converter=CONVERTERS.get(name))
    spread = float(expected.max() - expected.min())
    apart = (network.scaled(network.forward_integer(inputs)) - expected).abs().amax(1) > 1e-5 * spread
    assert int(apart.sum()) <= 1  # where the executor's own float32 rounding decides a tie
    first, second = expected.topk(2, dim=1).values.unbind(1)
    clear = (first - second > 1e-5 * spread) & ~apart
    assert int(clear.sum()) > 900
    assert torch.equal(network.deployed_outputs(inputs).argmax(1)[clear], expected.argmax(1)[clear])
    assert codes_apart(network, inputs)[0] <= 1e-3
