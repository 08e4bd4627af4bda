"""The library's own deployed networks, frozen from Brevitas, under every measure that takes one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.coding.folding import fold_batch_norm
from lowland.landscape import (
    flip_curvature,
    hessian_eigenvalues,
    hessian_trace,
    input_curvature,
    obstacle_to_exactness,
    rounding_curvature,
    scaled_trace,
)
from lowland.landscape.measures.mismatch import (
    flip_mismatch_curvature,
    noise_mismatch_curvature,
    rounding_mismatch_curvature,
)
from lowland.landscape.measures.sharpness_adaptive import adaptive_sharpness
from lowland.landscape.measures.sharpness_expected import expected_sharpness
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from tests.oracles import dense_hessian, second_order_flip_rise
from tests.quantization.networks import integer_network, rows

LOSS = functional.cross_entropy


class InDoublePrecision:
    """The deployed network as it is, its twin in float64."""

    def __init__(self, network: IntegerNetwork) -> None:
        self.codes, self.scales, self.bits = network.codes, network.scales, network.bits
        self._twin = network.dequantized().double()

    def dequantized(self):
        return self._twin


@pytest.fixture(scope="module")
def data():
    return rows(40)


@pytest.mark.parametrize("bits", [2, 8])
def test_measures_against_the_dense_hessian(bits, data):
    inputs, targets = data
    double = inputs.double(), targets
    network = InDoublePrecision(integer_network(bits))
    assert obstacle_to_exactness(network.dequantized(), double[0]) is None
    dense = dense_hessian(network.dequantized(), LOSS, *double)
    assert hessian_trace(network, LOSS, [double]).value == pytest.approx(float(dense.trace()), rel=1e-10)
    top = float(torch.linalg.eigvalsh(dense)[-1])
    found = hessian_eigenvalues(network, LOSS, [double], tolerance=1e-6)
    assert float(found.values[0]) == pytest.approx(top, rel=1e-6)
    expected = second_order_flip_rise(network, LOSS, *double, ("weight", "bias"))
    assert flip_curvature(network, LOSS, [double]).value == pytest.approx(expected, rel=1e-10)


def test_convolutions_against_the_dense_hessian():
    """Convolution with folded batch-norm and transposed convolution, deployed in 4 bits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.ReLU()]
        layers += [nn.ConvTranspose2d(3, 2, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4)]
        inputs, targets = torch.randn(40, 1, 4, 4), torch.randint(0, 4, (40,))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    twin = build_quantized(fold_batch_norm(nn.Sequential(*layers).eval()), precision, input_bits=8)
    calibrate(twin, inputs)
    network = InDoublePrecision(freeze(twin))
    double = inputs.double(), targets
    dense = dense_hessian(network.dequantized(), LOSS, *double)
    assert hessian_trace(network, LOSS, [double]).value == pytest.approx(float(dense.trace()), rel=1e-10)
    expected = second_order_flip_rise(network, LOSS, *double, ("weight", "bias"))
    assert flip_curvature(network, LOSS, [double]).value == pytest.approx(expected, rel=1e-10)
    assert 0 < flip_mismatch_curvature(network, [double]).value < 1


def test_single_precision_is_enough(data):
    """At 8 bits: at 2 bits many sums are exactly zero, where rounding errors choose the rectifier's derivative."""
    inputs, targets = data
    network = integer_network(8)
    double = InDoublePrecision(network)
    for measure in (hessian_trace, flip_curvature, rounding_curvature, scaled_trace):
        expected = measure(double, LOSS, [(inputs.double(), targets)]).value
        assert measure(network, LOSS, [data]).value == pytest.approx(expected, rel=1e-3)


def _rescaled(network: IntegerNetwork, factor: float) -> IntegerNetwork:
    """Same codes: scales of the first layer times a factor, the second layer's weight scale divided by it."""
    other = IntegerNetwork.from_spec(network.spec)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    for key in ("steps.0.weight_scale", "steps.0.output_scale", "steps.1.scale"):
        state[key] *= factor
    state["steps.2.weight_scale"] /= factor
    other.load_state_dict(state, assign=True)
    return other


def test_placebo_on_the_deployed_network(data):
    network = integer_network(4)
    other = _rescaled(network, 16.0)
    assert torch.equal(network(data[0]), other(data[0]))
    assert all(torch.equal(codes, other.codes[name]) for name, codes in network.codes.items())
    for measure in (flip_curvature, rounding_curvature, scaled_trace):
        assert measure(other, LOSS, [data]).value == pytest.approx(measure(network, LOSS, [data]).value, rel=1e-6)
    covariance = torch.ones(data[0].shape[1])
    noise = [input_curvature(n, LOSS, [data], covariance=covariance).value for n in (network, other)]
    assert noise[1] == pytest.approx(noise[0], rel=1e-6)
    for measure in (flip_mismatch_curvature, rounding_mismatch_curvature):
        assert measure(other, [data]).value == pytest.approx(measure(network, [data]).value, rel=1e-6)
    shares = [noise_mismatch_curvature(n, [data], covariance=covariance).value for n in (network, other)]
    assert shares[1] == pytest.approx(shares[0], rel=1e-6)
    mean = [expected_sharpness(n, LOSS, [data], relative_size=0.1, num_draws=3).value for n in (network, other)]
    assert mean[1] == pytest.approx(mean[0], rel=1e-4)
    worst = [adaptive_sharpness(n, LOSS, [data], radius=0.5, num_steps=8).value for n in (network, other)]
    assert worst[1] == pytest.approx(worst[0], rel=1e-4)
    traces = [hessian_trace(n, LOSS, [data]).value for n in (network, other)]
    tops = [float(hessian_eigenvalues(n, LOSS, [data]).values[0]) for n in (network, other)]
    assert traces[1] > 5 * traces[0]
    assert tops[1] > 5 * tops[0]
