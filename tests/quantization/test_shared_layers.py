"""Layers that are called on several values: stored, trained, calibrated and flipped as one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from lowland.export import export_c, export_onnx, run_c, run_onnx
from lowland.faults import Flips, apply_flips, flip_sensitivity
from lowland.landscape import Problem, hessian_trace
from lowland.quantization import (
    IntegerNetwork,
    Precision,
    QuantizedNetwork,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
)
from lowland.quantization.fake_quantized.network import Stored
from lowland.quantization.graph.trace import traced
from tests.export.networks import needs_gcc
from tests.oracles import dense_hessian
from tests.quantization.graph.test_trace import Net
from tests.quantization.shared import SHARED

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "per channel": {"per_channel": True},
    "corrected": {"bias_correction": True, "equalization": True},
    "asymmetric": {"activations": "asymmetric"},
    "powers of two": {"scale": "power_of_two"},
    "largest": {"calibration": "max"},
}


def inputs_of(name: str, count: int = 200) -> Tensor:
    return torch.randn(count, *SHARED[name].shape, generator=torch.Generator().manual_seed(1))


def quantized(name: str, bits: int, **options: Any) -> QuantizedNetwork:
    inputs = inputs_of(name)
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits, **options)
    return calibrate(build_quantized(SHARED[name].network(), precision, input_bits=8, example=inputs), inputs)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SHARED)
def test_what_is_deployed_is_what_was_given(name: str, options: str, bits: int) -> None:
    model, inputs = quantized(name, bits, **OPTIONS[options]), inputs_of(name)
    with torch.no_grad():
        frozen = freeze(model)
        expected = SHARED[name].network()(inputs)
        spread = float(expected.std())
        torch.testing.assert_close(traced(SHARED[name].network(), example=inputs)(inputs), expected)
        check = deployment_check(model, frozen, inputs)
        assert check.largest_difference <= 1e-5 * spread and check.decisions_changed == 0
        assert check.integer_codes <= 1 and check.integer_samples <= 0.005
        torch.testing.assert_close(frozen.dequantized()(inputs), frozen(inputs), rtol=0, atol=1e-5 * spread)
        torch.testing.assert_close(frozen.deployed_outputs(inputs), frozen.scaled(frozen.forward_integer(inputs)))
        error = float((frozen(inputs) - expected).square().mean().sqrt())
        assert error <= (0.6 if bits == 4 else 0.05) * spread
        again = IntegerNetwork.from_spec(json.loads(json.dumps(frozen.spec)))
        again.load_state_dict(frozen.state_dict(), assign=True)
        assert torch.equal(again.forward_integer(inputs), frozen.forward_integer(inputs))


@pytest.mark.parametrize("name", SHARED)
def test_words_stand_once(name: str) -> None:
    frozen = freeze(quantized(name, 4))
    words = [word for word in frozen.codes if not word.endswith(".table")]
    assert tuple(words) == SHARED[name].words
    assert len(list(frozen.dequantized().parameters())) == len(words)
    kept = sum(codes.numel() * frozen.bits[word] for word, codes in frozen.codes.items())
    assert frozen.size == kept
    assert Counter(step["tied_to"] for step in frozen.spec["steps"] if step.get("tied_to"))


def test_step_sizes_agree_wherever_a_bias_is_added() -> None:
    for name in ("siamese", "repeated", "unrolled"):
        frozen = freeze(quantized(name, 6))
        for step in frozen.spec["steps"]:
            if step.get("tied_to") and step["bias_bits"]:
                assert step["own"] == {}
    frozen = freeze(quantized("functional", 6))  # no bias: each call has the scale of its inputs
    assert next(s["own"] for s in frozen.spec["steps"] if s.get("tied_to")) == {"output_scale": []}


def test_one_tower_has_one_scale_at_each_place() -> None:
    model = quantized("siamese", 6)
    frozen = freeze(model)
    assert torch.equal(frozen.activation_scales["relu"], frozen.activation_scales["relu_1"])
    assert model.nodes["relu_1"].layer == "relu" and model.nodes["b_1"].layer == "b"
    assert model.nodes["b_1_out"].layer == model.nodes["b_out"].layer


def test_thresholds_are_those_of_all_calls() -> None:
    """The second call sees values ten times as large."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {"a": nn.Linear(4, 4), "head": nn.Linear(4, 2)}
    net = Net(lambda n, x: n.head(n.a(x).relu() + n.a(10 * x).relu()), **layers).eval()
    inputs = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8, calibration="max")
    model = calibrate(build_quantized(net, precision, input_bits=8, example=inputs), inputs)
    with torch.no_grad():
        largest = float(net.a(10 * inputs).relu().max())
        error = float((freeze(model)(inputs) - net(inputs)).abs().max())
    assert float(model.threshold("relu").detach()) == pytest.approx(largest, rel=0.05)
    assert error < 0.05 * largest


def test_equalization_keeps_one_layer_and_its_function() -> None:
    """The pair of both towers is equalized once; channels of very different sizes become alike."""
    net = SHARED["siamese"].network()
    with torch.no_grad():
        net.a.weight[0] *= 1000
        net.a.bias[0] *= 1000
        net.b.weight[:, 0] /= 1000
    inputs = inputs_of("siamese")
    errors = {}
    for equalization in (False, True):
        precision = Precision(
            method="ptq", weight_bits=6, activation_bits=8, equalization=equalization, calibration="max"
        )
        model = calibrate(build_quantized(net, precision, input_bits=8, example=inputs), inputs)
        with torch.no_grad():
            errors[equalization] = float((freeze(model)(inputs) - net(inputs)).square().mean())
    assert errors[True] < errors[False] / 10


def test_batch_norm_of_a_layer_called_twice_is_folded() -> None:
    net, inputs = SHARED["images"].network(), inputs_of("images", 20)
    folded = fold_batch_norm(net)
    torch.testing.assert_close(folded(inputs), net(inputs))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    once = Net(
        lambda n, x: n.norm(n.conv(x)) + n.conv(x.transpose(2, 3)), conv=nn.Conv2d(2, 2, 1), norm=nn.BatchNorm2d(2)
    ).eval()
    assert fold_batch_norm(once) is once  # one of the calls has no norm behind it


@pytest.mark.parametrize("name", SHARED)
def test_training_moves_one_parameter_and_what_is_frozen_is_what_was_trained(name: str) -> None:
    model, inputs = quantized(name, 4), inputs_of(name)
    targets = torch.randint(0, 3, (len(inputs),), generator=torch.Generator().manual_seed(2))
    before = {word: parameter.detach().clone() for word, parameter in model.stored.items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(not torch.equal(before[word], parameter) for word, parameter in model.stored.items())
    check = deployment_check(model, freeze(model), inputs)
    assert check.largest_difference <= 1e-4 and check.integer_codes <= 1


def test_gradients_are_those_of_brevitas() -> None:
    model, inputs = quantized("siamese", 6), inputs_of("siamese", 30)
    found = []
    for compute in (model, model.reference):
        model.zero_grad()
        compute(inputs).square().sum().backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for key, expected in found[1].items():
        torch.testing.assert_close(found[0][key], expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_a_word_is_read_once() -> None:
    """Whoever flips bits in training flips those of one memory, wherever it is used."""
    model, inputs, read = quantized("siamese", 6), inputs_of("siamese", 5), Counter[str]()

    def reader(tensor: Stored) -> Tensor:
        read[tensor.name] += 1
        return tensor.values

    assert torch.equal(model(inputs, reader), model(inputs))
    assert set(read) == set(SHARED["siamese"].words) and set(read.values()) == {1}


@pytest.mark.parametrize("name", ["siamese", "images", "functional"])
def test_the_flip_map_is_that_of_flips_one_by_one(name: str) -> None:
    frozen, inputs = freeze(quantized(name, 3)), inputs_of(name, 8)
    targets = torch.arange(8) % 3

    def rows(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, targets, reduction="none")[:, None]

    found = flip_sensitivity(frozen, rows, [(inputs, targets)])
    assert [word for word in found] == [word for word in frozen.codes if not word.endswith(".table")]
    shared = SHARED[name].words[0]
    every = [(shared, e, b) for e in range(frozen.codes[shared].numel()) for b in range(frozen.bits[shared])]
    for word, element, bit in every[:40]:
        flipped = apply_flips(frozen, Flips({word: (torch.tensor([element]), torch.tensor([bit]))}))
        expected = rows(flipped.scaled(flipped.forward_integer(inputs)), targets).double().mean(0)
        torch.testing.assert_close(found[word].flatten(0, -3)[element, bit], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SHARED)
def test_foreign_runtimes_compute_the_same_integers(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    frozen, inputs = freeze(quantized(name, 8)), inputs_of(name, 60)
    path = export_onnx(frozen, inputs, tmp_path / "network.onnx")
    assert torch.equal(run_onnx(path, inputs), frozen.forward_integer(inputs))


@needs_gcc
@pytest.mark.parametrize("name", SHARED)
def test_c_computes_the_same_integers(name: str, tmp_path: Path) -> None:
    frozen, inputs = freeze(quantized(name, 8)), inputs_of(name, 40)
    folder = export_c(frozen, inputs, tmp_path / "c")
    assert torch.equal(run_c(folder, frozen, inputs), frozen.forward_integer(inputs))


@pytest.mark.parametrize("name", ["siamese", "functional"])
def test_the_trace_is_that_of_the_dense_hessian(name: str) -> None:
    """A tensor that is used twice a row has no exact formula: Hessian products, within three standard errors."""
    model, inputs = freeze(quantized(name, 4)).dequantized().double().eval(), inputs_of(name, 40).double()
    targets = torch.randint(0, 3, (40,), generator=torch.Generator().manual_seed(2))
    dense = float(dense_hessian(model, functional.cross_entropy, inputs, targets).trace())
    found = hessian_trace(Problem(model, functional.cross_entropy, [(inputs, targets)]), num_probes=400)
    assert found.status == "ok" and abs(found.value - dense) <= 3 * found.standard_error + 1e-9


def test_what_is_shared_otherwise_is_refused() -> None:
    tied = Net(lambda n, x: n.b(n.a(x)), a=nn.Linear(3, 3), b=nn.Linear(3, 3))
    tied.b.weight = tied.a.weight
    with pytest.raises(LowlandError, match="layer b of the network has the weights of layer a; expected layers"):
        traced(tied)
    both = Net(lambda n, x: n.a(n.a(x)), a=nn.Linear(3, 3))
    with pytest.raises(LowlandError, match="that stays float, is called several times; expected layers of its own"):
        traced(both, float_from="a")
