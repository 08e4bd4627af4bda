"""Options of precisions through whole graphs: values, gradients, integers, files, faults and landscapes."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import nn

from lowland.coding.codes import code_range
from lowland.faults import apply_flips, random_flips
from lowland.landscape import Problem, hessian_trace
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.table_step import Table
from tests.quantization.networks import float_network
from tests.quantization.networks import rows as mlp_rows
from tests.quantization.options import OPTIONS, model, residual, rows
from tests.quantization.recurrent import CASES as RECURRENT


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("bits", [3, 8])
def test_model_reference_and_integers_agree(option: str, bits: int) -> None:
    for quantized in (model(OPTIONS[option], bits=bits), model(OPTIONS[option], bits=bits, method="qat", steps=4)):
        frozen, inputs = freeze(quantized), rows(100, seed=5)
        check = deployment_check(quantized, frozen, inputs)
        assert check.largest_difference <= 1e-5 * float(quantized(inputs).detach().std())
        assert check.integer_share <= 1e-3 and check.integer_codes <= 1 and check.decisions_changed == 0
        assert torch.equal(frozen.dequantized()(inputs), frozen(inputs))
        assert torch.equal(frozen.deployed_outputs(inputs), frozen.forward_integer(inputs) * frozen.output_scale)
        again = IntegerNetwork.from_spec(frozen.spec)
        again.load_state_dict(frozen.state_dict(), assign=True)
        assert torch.equal(again.forward_integer(inputs), frozen.forward_integer(inputs))


@pytest.mark.parametrize("option", OPTIONS)
def test_gradients_are_those_of_brevitas(option: str) -> None:
    quantized = model(OPTIONS[option], method="qat", steps=3).double()
    inputs, found = rows(20, seed=3).double(), []
    for outputs in (quantized(inputs), quantized.reference(inputs)):
        quantized.zero_grad()
        (outputs - 0.3).square().mean().backward()
        found.append({name: p.grad.clone() for name, p in quantized.named_parameters() if p.grad is not None})
        found.append(outputs.detach())
    ours, own, theirs, outputs = found
    assert torch.equal(own, outputs) and ours.keys() == theirs.keys()
    assert {"layers.first.weight", "layers.head.bias"} < ours.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-7, atol=1e-10)


def test_thresholds_learn() -> None:
    for option in ("asymmetric", "powers of two"):
        before, after = (model(OPTIONS[option], method="qat", steps=steps) for steps in (0, 4))
        trained = [name for name in before.bits if name not in ("input", "smooth_in")]  # what is exact pulls at nothing
        moved = [name for name in trained if bool((before.threshold(name) != after.threshold(name)).all())]
        assert moved == trained
        assert {name: after.grid(name).lowest for name in after.moved} == {
            name: before.grid(name).lowest for name in before.moved
        }


@pytest.mark.parametrize("option", [option for option, how in OPTIONS.items() if "scale" in how])
def test_every_rescaling_is_a_shift(option: str) -> None:
    quantized = model(OPTIONS[option], method="qat", steps=20)
    frozen = freeze(quantized)
    requantizations = [step for step in frozen.steps.values() if isinstance(step, Requantize)]
    assert len(requantizations) >= 4
    for step in requantizations:
        assert all(number == 1 << (number.bit_length() - 1) for number in step.multiplier.flatten().tolist())
    for name in quantized.bits:
        mantissas, _ = torch.frexp(quantized.grid(name).scale.detach())
        assert bool((mantissas == 0.5).all())


@pytest.mark.parametrize("bits", [2, 4, 7, 16])
@pytest.mark.parametrize("way", [{}, {"per_channel": True}, {"calibration": "max"}])
def test_scales_are_rounded_up_where_nothing_may_be_clipped(bits: int, way: dict[str, object]) -> None:
    quantized = model({"scale": "power_of_two", **way}, bits=bits)
    if way.get("calibration") == "max":
        values = quantized.layers.get_submodule("head").weight
        grid = quantized.grid("head")
        assert grid.highest * grid.scale >= values.abs().max() > grid.highest * grid.scale / 2
    exponents = {name: quantized.threshold(name).detach() for name in quantized.bits}
    assert all(torch.equal(exponent, exponent.round()) for exponent in exponents.values())


def test_asymmetric_codes_are_nearer_and_hold_zero() -> None:
    exact = residual()(rows(200, seed=9)).detach()
    errors = {
        name: float((model({"activations": name}, bits=3)(rows(200, seed=9)) - exact).detach().square().mean())
        for name in ("symmetric", "asymmetric")
    }
    assert errors["asymmetric"] < 0.8 * errors["symmetric"]
    quantized = model({"activations": "asymmetric"}, bits=3)
    assert quantized.moved == {"input", "deep_out", "add_in", "smooth_in", "smooth"}
    for name in quantized.moved:
        grid = quantized.grid(name)
        assert grid.lowest <= 0 <= grid.highest and grid.highest - grid.lowest == 2 ** quantized.bits[name] - 1


def test_steps_say_where_their_codes_begin() -> None:
    quantized = model({"activations": "asymmetric"})
    frozen = freeze(quantized)
    for name, step in frozen.steps.items():
        if isinstance(step, Quantize):
            lowest, highest = step.lowest, step.highest
        elif isinstance(step, Table):
            lowest, highest = step.output_lowest, step.output_lowest + 2**step.bits - 1
        else:
            continue
        grid = quantized.grid(quantized.nodes[name].layer)
        assert (lowest, highest) == (grid.lowest, grid.highest)
        integers = frozen.integer_values(1e3 * rows(20))[name]
        assert lowest <= int(integers.min()) and int(integers.max()) <= highest


def test_what_is_never_negative_is_as_it_was() -> None:
    network, inputs = float_network(), mlp_rows(100)[0].abs()
    frozen = []
    for activations in ("symmetric", "asymmetric"):
        precision = Precision(method="ptq", weight_bits=4, activation_bits=4, activations=activations)
        quantized = build_quantized(network, precision, input_bits=8, input_signed=False)
        frozen.append(freeze(calibrate(quantized, inputs)))
    assert frozen[0].spec == frozen[1].spec
    assert all(torch.equal(tensor, frozen[1].state_dict()[name]) for name, tensor in frozen[0].state_dict().items())


def test_zero_points_come_with_the_state_and_with_copies() -> None:
    quantized = model({"activations": "asymmetric"})
    fresh = build_quantized(residual(), quantized.precision, input_bits=8, example=rows(2))
    fresh.load_state_dict(quantized.state_dict())
    moved = copy.deepcopy(quantized)
    moved.move("add_in", 5)
    assert torch.equal(fresh(rows(9)), quantized(rows(9))) and torch.equal(fresh.reference(rows(9)), quantized(rows(9)))
    assert quantized.grid("add_in").lowest != moved.grid("add_in").lowest == -5
    assert torch.equal(moved(rows(9)), moved.reference(rows(9)))


def test_calibrating_again_gives_the_same() -> None:
    for options in OPTIONS.values():
        quantized = model(options | {"bias_correction": False})
        before = {name: tensor.clone() for name, tensor in quantized.state_dict().items()}
        calibrate(quantized, rows(64))
        assert all(torch.equal(tensor, before[name]) for name, tensor in quantized.state_dict().items())


def by_hand(network: IntegerNetwork, row: list[float]) -> list[int]:
    """A chain of linear layers, one number at a time, with codes u = integer + zero point as registers hold them."""
    carried: list[int] = []
    for step in network.steps.values():
        if isinstance(step, Requantize):
            ratio = Fraction(int(step.multiplier), 2 ** int(step.shift))
            zero_point, most = -step.lowest, 2**step.bits - 1
            codes = [min(max(round(value * ratio) + zero_point, 0), most) for value in carried]
            carried = [code - zero_point for code in codes]
        elif isinstance(step, Quantize):
            zero_point, most = -step.lowest, 2**step.bits - 1
            quotients = (torch.tensor(row) / step.scale).tolist()
            codes = [min(max(round(value) + zero_point, 0), most) for value in quotients]
            carried = [code - zero_point for code in codes]
        else:
            weight, bias = step.weight.tolist(), step.bias.tolist()
            carried = [
                sum(w * value for w, value in zip(line, carried, strict=True)) + b
                for line, b in zip(weight, bias, strict=True)
            ]
    return carried


@pytest.mark.parametrize("options", [{}, {"scale": "power_of_two"}, {"calibration": "max"}])
def test_asymmetric_integers_are_those_by_hand(options: dict[str, object]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    network[0].bias.data.add_(1)
    inputs = mlp_rows(100)[0] + 1
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4, activations="asymmetric", **options)
    frozen = freeze(calibrate(build_quantized(network, precision, input_bits=6), inputs))
    assert frozen.steps["0_out"].lowest not in (0, code_range(4, signed=True)[0])
    expected = [by_hand(frozen, row) for row in inputs.tolist()]
    assert frozen.forward_integer(inputs).tolist() == expected


@pytest.mark.parametrize("option", OPTIONS)
def test_faults_and_landscapes_work_on_them(option: str) -> None:
    frozen, inputs = freeze(model(OPTIONS[option])), rows(30, seed=2)
    for targets in (("weights",), ("biases",), ("tables",), ("scales",)):
        flipped = apply_flips(frozen, random_flips(frozen, count=3, targets=targets, key=("a",)))
        assert flipped(inputs).shape == flipped.forward_integer(inputs).shape == (30, 3)
    flipped = apply_flips(frozen, random_flips(frozen, count=20, targets=("weights",), key=("a",)))
    assert not torch.equal(flipped.forward_integer(inputs), frozen.forward_integer(inputs))
    targets = torch.arange(30) % 3
    trace = hessian_trace(Problem(frozen.dequantized().eval(), nn.functional.cross_entropy, [(inputs, targets)]))
    assert trace.status == "ok" and trace.value == trace.value


@pytest.mark.parametrize("case", ["lstm", "gru_text"])
@pytest.mark.parametrize(
    "options",
    [
        {"activations": "asymmetric"},
        {"scale": "power_of_two", "per_channel": True},
        {"layer_bits": {"*": {"weights": 6, "activations": 5}}, "state_bits": 10, "table_bits": 7},
    ],
    ids=str,
)
def test_recurrent_networks_have_them_too(case: str, options: dict[str, Any]) -> None:
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4, **options)
    inputs = RECURRENT[case].rows(60, seed=3)
    quantized = build_quantized(RECURRENT[case].network(), precision, input_bits=8, example=inputs)
    frozen = freeze(calibrate(quantized, inputs))
    check = deployment_check(quantized, frozen, inputs[:30])
    assert check.largest_difference <= 1e-5 and check.integer_codes <= 1 and check.integer_share <= 1e-3
    again = IntegerNetwork.from_spec(frozen.spec)
    again.load_state_dict(frozen.state_dict(), assign=True)
    assert torch.equal(again.forward_integer(inputs), frozen.forward_integer(inputs))
    if "layer_bits" in options:
        assert {bits for name, bits in frozen.bits.items() if name.endswith("weight")} == {6}
        assert set(frozen.activation_bits.values()) - {8} <= {5, 7, 10}
