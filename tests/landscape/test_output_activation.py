"""A smooth activation at the end of a network changes sides, and the loss stays the same function of the weights."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from lowland.landscape import (
    LandscapeOptions,
    capture_curvature,
    input_jacobian_norm,
    measure_landscape,
    obstacle_to_exactness,
)
from lowland.landscape.output_activation import activation_into_loss
from lowland.landscape.trace import layer_traces
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.tasks.networks import initialised_network
from tests.oracles import dense_hessian

SPEC = {"kind": "wafer_autoencoder", "side": 4, "filters": 2, "latent": 3, "initial_output": None}


def batch(dtype=torch.float64):
    source = torch.Generator().manual_seed(0)
    return torch.rand(7, 1, 4, 4, generator=source).to(dtype), torch.rand(7, 16, generator=source).to(dtype)


def test_the_trace_of_an_autoencoder_with_a_sigmoid_is_exact():
    network, (inputs, targets) = initialised_network(SPEC, key=("test",)).double().eval(), batch()
    pairs = ((inputs, targets),)
    assert obstacle_to_exactness(network, pairs) is not None
    linear, loss = activation_into_loss(network, mse_loss, pairs)
    assert obstacle_to_exactness(linear, pairs) is None
    torch.testing.assert_close(loss(linear(inputs), targets), mse_loss(network(inputs), targets))
    found = layer_traces(capture_curvature(linear, loss, pairs, parameters=True)).total
    expected = dense_hessian(network, mse_loss, inputs, targets).trace()
    assert found.value == pytest.approx(float(expected), rel=1e-10)
    assert isinstance(network.layers.decoder[7], nn.Sigmoid)


def test_the_sigmoid_of_a_deployed_network_is_found_too():
    network, (inputs, targets) = initialised_network(SPEC, key=("test",)), batch(torch.float32)
    twin = build_quantized(
        network, Precision(method="ptq", weight_bits=6, activation_bits=6), input_bits=8, float_from="decoder"
    )
    module, pairs = freeze(calibrate(twin, inputs)).dequantized().eval(), ((inputs, targets),)
    assert obstacle_to_exactness(module, pairs) is not None
    linear, _ = activation_into_loss(module, mse_loss, pairs)
    assert obstacle_to_exactness(linear, pairs) is None
    assert {name for name, _ in linear.named_parameters()} == {name for name, _ in module.named_parameters()}


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim=1)),
        nn.Sigmoid(),
    ],
)
def test_other_networks_come_back(network):
    rows = torch.rand(5, 3)
    assert activation_into_loss(network, mse_loss, ((rows, rows),)) == (network, mse_loss)


def test_the_order_of_modules_does_not_decide():
    class Crossed(nn.Module):
        """Its sigmoid is named last and used first."""

        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(3, 3), nn.Sigmoid()

        def forward(self, inputs):
            return self.last(self.first(inputs))

    network, rows = Crossed(), torch.rand(5, 3)
    assert activation_into_loss(network, mse_loss, ((rows, rows),))[0] is network


def test_the_measures_of_a_cell_use_it():
    network, rows = initialised_network(SPEC, key=("test",)).eval(), batch(torch.float32)
    options = LandscapeOptions(
        gradient_quantiles=(0.5,),
        few_rows=5,
        weight_noise_size=0.1,
        weight_noise_draws=2,
        adaptive_radius=0.2,
        adaptive_steps=4,
    )
    found = measure_landscape(
        network, mse_loss, [rows], options=options, input_covariance=torch.ones(1, 4, 4), decides=False
    )
    trace = next(row for row in found if row.measure == "hessian_trace" and not row.target)
    expected = dense_hessian(network, mse_loss, *rows).trace()
    assert trace.estimate.value == pytest.approx(float(expected), rel=1e-4)
    jacobian = next(row.estimate for row in found if row.measure == "input_jacobian_norm")
    assert jacobian.value == pytest.approx(input_jacobian_norm(network, [rows]).value)
