from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate, freeze
from lowland.quantization.fake_quantized.grid import codes_on
from lowland.quantization.fake_quantized.network import Stored
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network, rows, step, twin

WIDTHS = [2, 4, 8]
PRECISION = Precision(method="qat", weight_bits=4, activation_bits=4)


def gradients(network: QuantizedNetwork, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    functional.cross_entropy(outputs, targets).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_brevitas(bits: int, bias: bool) -> None:
    network = twin(bits, bias=bias, steps=5)
    inputs, targets = rows(256, seed=1)
    assert torch.equal(network(inputs), network.reference(inputs))
    ours = gradients(network, network(inputs), targets)
    theirs = gradients(network, network.reference(inputs), targets)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-5)


def test_second_derivatives_are_those_of_brevitas() -> None:
    """The Jacobian penalty differentiates an input gradient by the weights."""
    network = twin(4, steps=5)
    inputs, _ = rows(64, seed=1)
    inputs.requires_grad_()
    found = []
    for outputs in (network(inputs), network.reference(inputs)):
        (jacobian,) = torch.autograd.grad(outputs[:, 0].sum(), inputs, create_graph=True)
        network.zero_grad()
        jacobian.square().sum().backward()
        found.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    ours, theirs = found
    for name, gradient in theirs.items():
        mine = ours.get(name, torch.zeros_like(gradient))
        torch.testing.assert_close(mine, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_convolutions_have_brevitas_values_gradients_and_hessian_products(case: str, bits: int) -> None:
    network = CASES[case].twin(bits, steps=2).double()
    inputs = CASES[case].rows(3, seed=1).double()
    parameters = [p for p in network.parameters() if p.requires_grad]
    draws = torch.Generator().manual_seed(2)
    direction = [torch.randn(p.shape, generator=draws, dtype=torch.float64) for p in parameters]
    found = []
    for outputs in (network(inputs), network.reference(inputs)):
        slopes = torch.autograd.grad((outputs - 0.3).square().mean(), parameters, create_graph=True)
        along = sum((slope * part).sum() for slope, part in zip(slopes, direction, strict=True))
        products = torch.autograd.grad(along, parameters, allow_unused=True, materialize_grads=True)
        found.append([outputs.detach(), *(slope.detach() for slope in slopes), *products])
    assert torch.equal(found[0][0], found[1][0])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_may_leave_results_out(case: str) -> None:
    """As where linearity is probed: one parameter's slope along itself and along the weights of the outputs."""
    network = CASES[case].twin(4)
    outputs = network(CASES[case].rows(2))
    weights = torch.ones_like(outputs, requires_grad=True)
    for parameter in (p for p in network.parameters() if p.requires_grad):
        (slope,) = torch.autograd.grad((weights * outputs).sum(), parameter, create_graph=True)
        first, second = torch.autograd.grad(
            (slope * parameter.detach()).sum(),
            [weights, parameter],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        assert first.isfinite().all() and second.isfinite().all()


def test_batch_norm_is_folded_before_quantization() -> None:
    network = CASES["classifier"].network()
    before = copy.deepcopy(network.state_dict())
    precision = Precision(method="ptq", weight_bits=16, activation_bits=16)
    quantized = build_quantized(network, precision, input_bits=16)
    assert list(quantized.bits) == ["input", "0", "2", "5"]
    inputs = CASES["classifier"].rows(64)
    torch.testing.assert_close(calibrate(quantized, inputs)(inputs), network(inputs), rtol=1e-3, atol=1e-3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_scale_a_channel_is_at_least_as_near_as_one_a_tensor() -> None:
    case = CASES["one scale a channel"]
    network, inputs = case.network(), case.rows(256)
    with torch.no_grad():
        network[0].weight[0].mul_(20)
    precision = Precision(method="ptq", weight_bits=3, activation_bits=8)
    errors = []
    for per_channel in (True, False):
        quantized = build_quantized(network, precision.model_copy(update={"per_channel": per_channel}), input_bits=8)
        errors.append(float((calibrate(quantized, inputs)(inputs) - network(inputs)).detach().square().mean()))
    assert quantized.threshold("0").shape == () and errors[0] < 0.8 * errors[1]


def test_transposed_groups_have_no_scale_a_channel() -> None:
    with pytest.raises(LowlandError, match="layer 3 is transposed and has groups; expected per_channel=False"):
        build_quantized(CASES["upsampling"].network(), PRECISION.model_copy(update={"per_channel": True}), input_bits=8)


def test_the_float_part_is_trained_beside_the_quantized_one() -> None:
    quantized = CASES["autoencoder"].twin(4)
    before = copy.deepcopy(quantized.state_dict())
    after = CASES["autoencoder"].twin(4, steps=2).state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {"layers.decoder.0.weight", "layers.encoder_0.weight"} <= moved
    assert list(quantized.bits) == ["input", "encoder_0", "encoder_1", "encoder_3", "encoder_4"]


def test_transforms_of_torch_see_through_the_twin() -> None:
    network = twin(4)
    inputs, targets = rows(16)
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(values: dict[str, Tensor]) -> Tensor:
        return functional.cross_entropy(torch.func.functional_call(network, values, (inputs,)), targets)

    found = torch.func.grad(loss)(parameters)
    for name, gradient in gradients(network, network(inputs), targets).items():
        torch.testing.assert_close(found[name], gradient)


def test_the_twin_carries_the_weights_and_leaves_the_network_alone() -> None:
    network = float_network()
    before = copy.deepcopy(network.state_dict())
    quantized = build_quantized(network, PRECISION, input_bits=8)
    for name, tensor in before.items():
        assert torch.equal(network.state_dict()[name], tensor)
        assert torch.equal(quantized.state_dict()[f"layers.{name}"], tensor)
    assert not any(p is q for p in network.parameters() for q in quantized.parameters())


def test_building_does_not_advance_the_global_generator_of_its_caller() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_quantized(float_network(), PRECISION, input_bits=8)
    assert torch.equal(torch.rand(3), expected)


def test_the_network_may_keep_its_layers_in_an_attribute() -> None:
    holder = nn.Module()
    holder.layers = float_network()
    assert build_quantized(holder, PRECISION, input_bits=8).bits == {
        "input": 8, "0": 4, "1": 4, "2": 4, "3": 4, "4": 4,
    }  # fmt: skip


def test_all_scales_but_the_inputs_are_trained() -> None:
    network = twin(4)
    before = {name: network.threshold(name).item() for name in network.bits}
    inputs, targets = rows(256)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 0.01)
    losses = [step(network, inputs, targets, optimizer) for _ in range(30)]
    moved = {name for name in network.bits if network.threshold(name).item() != before[name]}
    assert moved == set(network.bits) - {"input"}
    assert losses[-1] < 0.8 * losses[0]


def test_a_twin_survives_its_state() -> None:
    network = twin(4, steps=3)
    again = build_quantized(float_network(seed=9), PRECISION, input_bits=8)
    again.load_state_dict(network.state_dict())
    inputs, _ = rows(50)
    assert torch.equal(again(inputs), network(inputs))
    assert torch.equal(copy.deepcopy(network)(inputs), network(inputs))
    freeze(again)  # it knows that it is calibrated


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Module(), "network is a Module without a forward; expected an nn.Module that computes something"),
        (
            nn.Sequential(nn.Linear(3, 2), nn.RReLU()),
            r"has 1 operation that cannot be quantized: 1 \(RReLU\): LeakyReLU",
        ),
        (nn.Sequential(nn.ReLU(), nn.Flatten()), "has 2 layers and none with weights; expected at least one such as"),
        (nn.Sequential(), "has 0 layers and none with weights"),
    ],
)
def test_other_structures_are_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(LowlandError, match=message):
        build_quantized(network, PRECISION, input_bits=8)


def test_float_precision_and_impossible_inputs_are_refused() -> None:
    with pytest.raises(LowlandError, match="precision method is 'float'; expected 'qat' or 'ptq'"):
        build_quantized(float_network(), Precision(method="float", weight_bits=32, activation_bits=32), input_bits=8)
    with pytest.raises(LowlandError, match="input_bits is 33; expected 2 to 16"):
        build_quantized(float_network(), PRECISION, input_bits=33)


@pytest.mark.parametrize("case", ["autoencoder", "one scale a channel", "averaging"])
def test_what_is_stored_can_be_read_otherwise(case: str) -> None:
    """Layers hand over exactly the tensors that the frozen network stores, and compute with the answer."""
    quantized, inputs = CASES[case].twin(4), CASES[case].rows(4)
    deployed, seen = freeze(quantized), {}

    def read(tensor: Stored) -> Tensor:
        seen[tensor.name] = tensor
        return tensor.values

    assert torch.equal(quantized(inputs, read), quantized(inputs))
    assert list(seen) == list(deployed.codes) == list(quantized.stored)
    for name, tensor in seen.items():
        codes = codes_on(tensor.parameter, tensor.grid)
        assert torch.equal(codes, deployed.codes[name].to(torch.int64))
        assert torch.equal(codes * tensor.grid.scale, tensor.values)
        assert tensor.parameter is quantized.stored[name]
        assert tensor.bits == (deployed.bits[name] if name.endswith("weight") else None)
    assert not torch.equal(quantized(inputs, lambda tensor: -tensor.values), quantized(inputs))


@pytest.mark.parametrize("options", [{}, {"bias_correction": True}, {"equalization": True}], ids=str)
def test_frozen_layers_stay_frozen_with_their_scale(options: dict) -> None:
    network = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), *float_network()[1:]).eval()
    network[0].requires_grad_(False)
    network[3].bias.requires_grad_(False)
    quantized = build_quantized(network, PRECISION.model_copy(update=options), input_bits=8)
    inputs, targets = rows(256)
    calibrate(quantized, inputs)
    trained = {name for name, parameter in quantized.stored.items() if parameter.requires_grad}
    assert trained == {"3.weight", "5.weight", "5.bias"}
    assert {name for name in quantized.bits if quantized.threshold(name).requires_grad} == {"2", "3", "4", "5"}
    before = freeze(quantized).codes
    optimizer = torch.optim.Adam([p for p in quantized.parameters() if p.requires_grad], 0.01)
    for _ in range(5):
        step(quantized, inputs, targets, optimizer)
    after = freeze(quantized).codes
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert not torch.equal(after["3.weight"], before["3.weight"])
