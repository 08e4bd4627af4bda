from __future__ import annotations

import torch
from torch import nn

from lowland.quantization import Precision, build_quantized, calibrate, freeze, mean_bits, quantize_dynamically
from tests.quantization.networks import FEATURES, integer_network
from tests.quantization.networks import rows as mlp_rows
from tests.quantization.options import model, rows
from tests.quantization.recurrent import CASES as RECURRENT


def test_uniform_chains_have_the_bits_of_their_precision() -> None:
    for bits in (2, 4, 12):
        found = mean_bits(integer_network(bits), mlp_rows(3)[0])
        assert found == (bits, bits) and all(isinstance(number, int) for number in found)


def test_means_count_weights_and_values_of_a_row() -> None:
    """Weights: 72 and 36 of the convolutions, 16 of the one between channels, 48 of the head; biases do not count."""
    policy = {"deep": {"weights": 8}, "*_in": {"activations": 7}, "smooth": {"activations": 3}}
    frozen = freeze(model({"layer_bits": policy, "table_bits": 6}))
    found = mean_bits(frozen, rows(5))
    assert found.weights == (4 * (72 + 16 + 48) + 8 * 36) / (72 + 36 + 16 + 48)
    assert found.activations == 64 * (4 + 4 + 7 + 7 + 6 + 3) / (64 * 6)


def test_weights_of_float_steps_have_32_bits() -> None:
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Linear(FEATURES, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=5)
    frozen = freeze(calibrate(build_quantized(network, precision, input_bits=8), mlp_rows(50)[0]))
    found = mean_bits(frozen, mlp_rows(2)[0])
    assert found.weights == (4 * (24 + 8) + 32 * 4) / (24 + 8 + 4) and found.activations == 5


def test_states_count_at_every_place() -> None:
    case = RECURRENT["lstm"]
    frozen, inputs = case.integer(4, state_bits=12), case.rows(3)
    values = frozen.float_values(inputs[:1])
    widths = {name: bits for name, bits in frozen.activation_bits.items() if name != "input"}
    assert {4, 8, 12} == set(widths.values())
    count = sum(values[name].numel() for name in widths)
    total = sum(bits * values[name].numel() for name, bits in widths.items())
    found = mean_bits(frozen, inputs)
    assert (found.weights, found.activations) == (4, total / count) and 4 < total / count < 12


def test_a_single_layer_has_no_activations() -> None:
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Linear(FEATURES, 4))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=5)
    frozen = freeze(calibrate(build_quantized(network, precision, input_bits=8), mlp_rows(50)[0]))
    assert mean_bits(frozen, mlp_rows(2)[0]) == (4, None)


def test_layers_that_a_runtime_leaves_float_have_32_bits() -> None:
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Linear(FEATURES, 4), nn.LayerNorm(4), nn.Linear(4, 2)).eval()
    inputs = mlp_rows(2)[0]
    dynamic = quantize_dynamically(network, Precision(method="dynamic", weight_bits=8, activation_bits=6))
    assert mean_bits(dynamic, inputs) == ((8 * (24 + 8) + 32 * 4) / (24 + 8 + 4), 6)
    only = {"method": "weight_only", "weight_bits": 4, "activation_bits": 32}
    found = mean_bits(quantize_dynamically(network, Precision(**only, min_elements=10)), inputs)
    assert found == ((4 * 24 + 32 * (8 + 4)) / (24 + 8 + 4), 32)
    plain = nn.Sequential(nn.Linear(FEATURES, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    whole = mean_bits(quantize_dynamically(plain, Precision(**only)), inputs)
    assert whole == (4, 32) and all(isinstance(number, int) for number in whole)


def test_layers_of_a_dynamic_network_may_have_other_widths() -> None:
    """16 values of the input in 4 bits, 8 hidden ones in 6: hooks are gone afterwards."""
    network = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    own = {"0": {"activations": 4}, "2": {"activations": 6, "weights": 2}}
    dynamic = quantize_dynamically(
        network, Precision(method="dynamic", weight_bits=8, activation_bits=8, layer_bits=own)
    )
    assert mean_bits(dynamic, torch.randn(3, 16)) == ((8 * 128 + 2 * 24) / 152, (4 * 16 + 6 * 8) / 24)
    assert not any(layer._forward_pre_hooks for _, layer in dynamic.coded_layers())
