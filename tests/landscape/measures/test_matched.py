"""Matched curvature: brute force, dense oracles and the placebo."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import (
    flip_curvature,
    hessian_eigenvalues,
    hessian_trace,
    input_curvature,
    mean_squared_flip,
    rounding_curvature,
    scaled_trace,
)
from lowland.landscape.measures.mismatch import (
    flip_mismatch_curvature,
    noise_mismatch_curvature,
    rounding_mismatch_curvature,
)
from tests.cases import CASES, EXACT, FakeIntegerNetwork
from tests.oracles import dense_gradient, dense_hessian, flipped, input_gauss_newton, second_order_flip_rise

LOSS = functional.cross_entropy


@pytest.fixture(scope="module")
def network():
    return FakeIntegerNetwork()


@pytest.fixture(scope="module")
def rows():
    draws = torch.Generator().manual_seed(11)
    inputs = torch.randn(20, 4, generator=draws, dtype=torch.float64)
    return inputs, torch.randint(0, 3, (20,), generator=draws)


@pytest.mark.parametrize(
    ("targets", "kinds"),
    [(("weights", "biases"), ("weight", "bias")), (("weights",), ("weight",)), (("biases",), ("bias",))],
)
def test_flip_curvature_is_the_sum_over_every_flip(network, rows, targets, kinds):
    estimate = flip_curvature(network, LOSS, [rows], targets=targets)
    assert estimate.value == pytest.approx(second_order_flip_rise(network, LOSS, *rows, kinds), rel=1e-10)
    assert (estimate.standard_error, estimate.status) == (0.0, "ok")


def test_scales_per_output_channel(network, rows):
    channels = FakeIntegerNetwork()
    channels.scales["0.weight"] = torch.linspace(0.05, 0.2, 6, dtype=torch.float64)
    twin = network.dequantized()
    twin[0].weight.data = channels.codes["0.weight"] * channels.scales["0.weight"][:, None]
    channels.dequantized = lambda: twin
    expected = second_order_flip_rise(channels, LOSS, *rows, ("weight", "bias"))
    assert flip_curvature(channels, LOSS, [rows]).value == pytest.approx(expected, rel=1e-10)


def test_mean_squared_flip(network):
    squares = [
        (float(network.scales[name]) * (flipped(code, bit, network.bits[name]) - code)) ** 2
        for name, codes in network.codes.items()
        for code in codes.flatten().tolist()
        for bit in range(network.bits[name])
    ]
    estimate = mean_squared_flip(network)
    assert estimate.value == pytest.approx(sum(squares) / len(squares), rel=1e-12)
    assert estimate.num_samples == len(squares)


def test_rounding_curvature_against_the_dense_diagonal(network, rows):
    twin = network.dequantized()
    diagonal = dense_hessian(twin, LOSS, *rows).diagonal()
    steps = torch.cat([network.scales[name].expand(p.numel()) for name, p in twin.named_parameters()])
    expected = float((diagonal * steps**2).sum()) / 24
    assert rounding_curvature(network, LOSS, [rows]).value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", [*EXACT, "tanh", "lstm"])
def test_input_curvature_against_the_dense_gauss_newton_matrix(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    covariance = torch.linspace(0.1, 2, inputs[0].numel(), dtype=torch.float64).reshape(case.shape)
    rows = [
        float(input_gauss_newton(model, case.loss, row, target).diagonal() @ covariance.flatten()) / 2
        for row, target in zip(inputs, targets, strict=True)
    ]
    estimate = input_curvature(model, case.loss, [(inputs, targets)], covariance=covariance)
    assert estimate.value == pytest.approx(sum(rows) / len(rows), rel=1e-10, abs=1e-15)
    error = float(torch.tensor(rows).double().std()) / len(rows) ** 0.5
    assert estimate.standard_error == pytest.approx(error, rel=1e-4, abs=1e-15)
    split = list(zip(inputs.split(5), targets.split(5), strict=True))
    again = input_curvature(model, case.loss, split, covariance=covariance)
    assert again.value == pytest.approx(estimate.value, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("encoding", ["twos_complement", "sign_magnitude", "offset_binary"])
def test_flip_curvature_in_every_encoding(encoding, rows):
    network = FakeIntegerNetwork()
    for name, codes in network.codes.items():  # sign-magnitude has no code below -(2^(bits-1) - 1)
        codes.clamp_(min=1 - 2 ** (network.bits[name] - 1))
    twin = network.dequantized()
    slope, matrix = dense_gradient(twin, LOSS, *rows), dense_hessian(twin, LOSS, *rows)
    rises, squares, start = [], [], 0
    for name, codes in network.codes.items():
        bits = network.bits[name]
        for index, code in enumerate(codes.flatten().tolist(), start):
            for bit in range(bits):
                change = float(network.scales[name]) * (flipped(code, bit, bits, encoding) - code)
                rises.append(float(slope[index]) * change + float(matrix[index, index]) * change**2 / 2)
                squares.append(change**2)
        start += codes.numel()
    found = flip_curvature(network, LOSS, [rows], encoding=encoding)
    assert found.value == pytest.approx(sum(rises) / len(rises), rel=1e-10)
    found = mean_squared_flip(network, encoding=encoding)
    assert found.value == pytest.approx(sum(squares) / len(squares), rel=1e-12)


@pytest.mark.parametrize("name", ["mlp", "autoencoder", "twin", "gru"])
def test_input_curvature_with_a_full_covariance(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    size = inputs[0].numel()
    root = torch.randn(size, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows = [
        float((input_gauss_newton(model, case.loss, row, target) @ root @ root.T).trace()) / 2
        for row, target in zip(inputs, targets, strict=True)
    ]
    estimate = input_curvature(model, case.loss, [(inputs, targets)], covariance=root @ root.T)
    assert estimate.value == pytest.approx(sum(rows) / len(rows), rel=1e-10)
    variances = torch.linspace(0.1, 2, size, dtype=torch.float64)
    full = input_curvature(model, case.loss, [(inputs, targets)], covariance=torch.diag(variances))
    diagonal = input_curvature(model, case.loss, [(inputs, targets)], covariance=variances.reshape(case.shape))
    assert full.value == pytest.approx(diagonal.value, rel=1e-10)


def test_input_curvature_predicts_small_noise():
    """Second order in the noise: the quotient of measured and predicted rise tends to 1."""
    case = CASES["tanh"]
    model = case.model()
    draws = torch.Generator().manual_seed(1)
    inputs = torch.randn(50, 4, generator=draws, dtype=torch.float64)
    # Targets drawn from the model itself: the outputs' gradient, and with it the curvature of the network, vanishes.
    targets = model(inputs).detach().softmax(1)
    noise = 0.02 * torch.randn(4000, 1, 4, generator=draws, dtype=torch.float64)
    both = torch.cat([inputs + noise, inputs - noise]).flatten(0, 1)
    with torch.no_grad():
        rise = LOSS(model(both), targets.repeat(8000, 1)) - LOSS(model(inputs), targets)
    predicted = input_curvature(model, LOSS, [(inputs, targets)], covariance=torch.full((4,), 0.02**2))
    assert float(rise) == pytest.approx(predicted.value, rel=0.05)


def test_placebo_rescaling_moves_the_raw_measures_only(network, rows):
    """Rescaled layers give the same logits from the same codes: matched curvature must not notice."""
    other = network.rescaled(8.0)
    twin, twin_other = network.dequantized(), other.dequantized()
    torch.testing.assert_close(twin(rows[0]), twin_other(rows[0]), rtol=1e-12, atol=1e-12)
    covariance = torch.ones(4)
    for measure in (flip_curvature, rounding_curvature, scaled_trace):
        assert measure(other, LOSS, [rows]).value == pytest.approx(measure(network, LOSS, [rows]).value, rel=1e-6)
    before, after = (input_curvature(n, LOSS, [rows], covariance=covariance).value for n in (network, other))
    assert after == pytest.approx(before, rel=1e-6)
    for measure in (flip_mismatch_curvature, rounding_mismatch_curvature):
        assert measure(other, [rows]).value == pytest.approx(measure(network, [rows]).value, rel=1e-6)
    before, after = (noise_mismatch_curvature(n, [rows], covariance=covariance).value for n in (network, other))
    assert after == pytest.approx(before, rel=1e-6)
    assert hessian_trace(other, LOSS, [rows]).value > 5 * hessian_trace(network, LOSS, [rows]).value
    tops = [float(hessian_eigenvalues(n, LOSS, [rows]).values[0]) for n in (network, other)]
    assert tops[1] > 5 * tops[0]


@pytest.mark.parametrize("factor", [1e-3, 50.0])
def test_placebo_on_float_networks(factor):
    """Channels rescaled through a rectifier: what is measured in the inputs or relative to the weights stays."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(3, 2, 2, stride=2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(32, 3)).double().eval()
    inputs = torch.randn(15, 1, 2, 2, dtype=torch.float64)
    batches = [(inputs, torch.randint(0, 3, (15,)))]
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight *= factor
        other[0].bias *= factor
        other[2].weight /= factor
    covariance = torch.ones(1, 2, 2)
    for measure in (
        lambda m: input_curvature(m, LOSS, batches, covariance=covariance),
        lambda m: noise_mismatch_curvature(m, batches, covariance=covariance),
        lambda m: scaled_trace(m, LOSS, batches),
    ):
        assert measure(other).value == pytest.approx(measure(model).value, rel=1e-6)
    assert hessian_trace(other, LOSS, batches).value > 5 * hessian_trace(model, LOSS, batches).value


def test_non_finite_losses_become_a_status(network, rows):
    batches = [(rows[0] * torch.nan, rows[1])]
    assert flip_curvature(network, LOSS, batches).status == "non_finite"
    assert rounding_curvature(network, LOSS, batches).status == "non_finite"
    assert input_curvature(network, LOSS, batches, covariance=torch.ones(4)).status == "non_finite"


def _too_wide():
    network = FakeIntegerNetwork()
    network.codes["2.weight"][0, 0] = 8
    return network


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (FakeIntegerNetwork, {"encoding": "gray"}, "encoding: got 'gray'; expected one of twos_complement"),
        (FakeIntegerNetwork, {"targets": ("scales",)}, "targets: got scales; expected some of weights, biases"),
        (FakeIntegerNetwork, {"targets": ()}, "targets: got none"),
        (_too_wide, {}, "codes of '2.weight' reach from -8 to 8; expected -8 to 7 in 4 bits"),
    ],
)
def test_bad_networks_and_options_are_told(build, options, message, rows):
    with pytest.raises(LowlandError, match=message):
        flip_curvature(build(), LOSS, [rows], **options)
    with pytest.raises(LowlandError, match=message):
        mean_squared_flip(build(), **options)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (torch.ones(3), "got shape"),
        (torch.ones(()), "got shape"),
        (-torch.ones(4), "negative or non-finite"),
        (torch.full((4,), torch.nan), "negative or non-finite"),
        (torch.full((4, 4), torch.nan), "not symmetric or not finite"),
        (torch.ones(4, 4).triu(), "not symmetric or not finite"),
        (torch.ones(4, 4) - 2 * torch.eye(4), "lowest eigenvalue"),
    ],
)
def test_bad_covariances_are_told(network, rows, covariance, message):
    with pytest.raises(LowlandError, match=message):
        input_curvature(network, LOSS, [rows], covariance=covariance)
