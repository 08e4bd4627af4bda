"""Bit operations: counted by hand, by loops over every output, and alike for all ways to deploy a network."""

import pytest
import torch
from torch import nn

from lowland.quantization import Precision, build_quantized, calibrate, freeze, quantize_dynamically
from lowland.quantization.multiplications import bit_operations
from tests.quantization.networks import FEATURES, integer_network
from tests.quantization.networks import rows as mlp_rows
from tests.quantization.options import model, rows
from tests.quantization.recurrent import CASES as RECURRENT
from tests.quantization.recurrent import FEATURES as READ
from tests.quantization.recurrent import PLACES

FLOAT = 32 * 32
LAYERS = {
    "linear": (nn.Linear(6, 4), (6,), 24),
    "linear at places": (nn.Linear(6, 4), (7, 6), 7 * 24),
    "conv2d": (nn.Conv2d(2, 3, 3, padding=1), (2, 5, 5), 25 * 3 * 2 * 9),
    "strides": (nn.Conv2d(2, 3, 3, stride=2), (2, 7, 7), 9 * 3 * 2 * 9),
    "groups": (nn.Conv2d(4, 8, 3, groups=4), (4, 5, 5), 9 * 8 * 1 * 9),
    "conv1d": (nn.Conv1d(2, 5, 3), (2, 9), 7 * 5 * 2 * 3),
    "transposed": (nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 4, 4), 16 * 2 * 3 * 9),
}


@pytest.mark.parametrize(("layer", "shape", "count"), LAYERS.values(), ids=LAYERS)
def test_float_layers_have_1024_for_each_multiplication(layer, shape, count):
    assert bit_operations(nn.Sequential(layer), torch.ones(3, *shape)) == FLOAT * count


def test_outputs_depend_on_as_many_products():
    """The slow way: of each output the products that it sums, one weight after the other."""
    layer, inputs = nn.Conv2d(2, 3, 2, stride=2, bias=False), torch.rand(1, 2, 4, 4) + 0.5
    products = 0
    for output in range(layer(inputs).numel()):
        layer.zero_grad()
        layer(inputs).flatten()[output].backward()
        products += int((layer.weight.grad != 0).sum())
    assert bit_operations(nn.Sequential(layer), inputs) == FLOAT * products


def test_an_integer_chain_weighs_by_the_widths_that_meet():
    network, inputs = integer_network(4), mlp_rows(2)[0]
    layers = [step for step in network.steps.values() if hasattr(step, "weight_bits")]
    counts = [step.weight.numel() for step in layers]
    assert counts[0] == FEATURES * layers[0].weight.shape[0]
    first = network.activation_bits["input"]
    assert bit_operations(network, inputs) == 4 * first * counts[0] + 4 * 4 * sum(counts[1:])


def test_a_bit_policy_counts_layer_by_layer():
    usual = freeze(model({}))
    wide = freeze(model({"layer_bits": {"deep": {"weights": 8}}}))
    deep = next(step for name, step in usual.steps.items() if name == "deep")
    values = usual.float_values(rows(1))
    macs = values["deep"].numel() * deep.weight[0].numel()
    read = bit_operations(wide, rows(1)) - bit_operations(usual, rows(1))
    assert read % macs == 0 and 4 * macs <= read <= 4 * 8 * macs, "four bits more, times what the layer reads"


def test_recurrent_layers_count_at_every_place():
    case = RECURRENT["lstm"]
    network, inputs = case.network(), case.rows(2)
    rnn = next(layer for layer in network.modules() if isinstance(layer, nn.LSTM))
    head = next(layer for layer in network.modules() if isinstance(layer, nn.Linear))
    hidden = rnn.hidden_size
    macs = PLACES * (4 * hidden * READ + 4 * hidden * hidden)
    assert bit_operations(network, inputs) == FLOAT * (macs + head.weight.numel())
    frozen = case.integer(4, state_bits=12)
    found = bit_operations(frozen, inputs)
    assert 4 * 4 * macs < found < 4 * 12 * (macs + head.weight.numel()), "weights of 4 bits, states of up to 12"


def test_dynamic_networks_read_codes_and_weight_only_ones_floats():
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    inputs, macs = torch.rand(3, 6), 24 + 8
    dynamic = quantize_dynamically(
        network, Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="torchao")
    )
    assert bit_operations(dynamic, inputs) == 8 * 8 * macs
    weights = Precision(method="weight_only", weight_bits=4, activation_bits=32, min_elements=10)
    assert bit_operations(quantize_dynamically(network, weights), inputs) == 4 * 32 * 24 + FLOAT * 8


def test_what_is_not_deployed_does_not_count():
    network = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    assert bit_operations(network, torch.rand(2, 6), float_from="2") == FLOAT * 24


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.rand(4, 6))

    def forward(self, values):
        return values @ self.matrix.T


def test_weights_that_multiply_nobody_knows_how_often_leave_it_unknown():
    assert bit_operations(nn.Sequential(Own()), torch.rand(2, 6)) is None


def test_layer_norms_do_not_count():
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Linear(FEATURES, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    inputs = mlp_rows(50)[0]
    assert bit_operations(network, inputs) == FLOAT * (4 * FEATURES + 8)
    precision = Precision(method="ptq", weight_bits=4, activation_bits=5)
    frozen = freeze(calibrate(build_quantized(network, precision, input_bits=8), inputs))
    assert bit_operations(frozen, inputs) == 4 * 8 * 4 * FEATURES + 4 * 5 * 8
