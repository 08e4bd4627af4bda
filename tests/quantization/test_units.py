"""The unit that data are measured in does not matter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network, rows

UNITS = [1e-15, 1e-12, 1e-6, 1e6, 1e12]
WAYS = [
    {"calibration": "mse"},
    {"calibration": "max"},
    {"calibration": "percentile", "percentile": 99.9},
    {"bias_correction": True},
    {"equalization": True},
]


def in_unit(unit: float, network: nn.Module, inputs: Tensor, *, absorbed: bool) -> tuple[nn.Module, Tensor]:
    """The same function of the same data in another unit: the first layer takes it up, or the outputs have it too."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        if absorbed:
            layers[0].weight /= unit
        else:
            for layer in layers:
                layer.bias *= unit
    return network, unit * inputs


def error(network: nn.Module, inputs: Tensor, precision: Precision, *, per_channel: bool = False) -> float:
    """Relative to the outputs; also that the frozen network is the fake-quantized one."""
    quantized = build_quantized(network, precision.model_copy(update={"per_channel": per_channel}), input_bits=8)
    deployed = freeze(calibrate(quantized, inputs))
    expected = network(inputs).detach()
    largest = float(expected.abs().max())
    assert deployment_check(quantized, deployed, inputs).largest_difference < 1e-5 * largest
    return float((deployed.deployed_outputs(inputs) - expected).abs().max()) / largest


@pytest.mark.parametrize("absorbed", [True, False], ids=["absorbed", "handed on"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_errors_are_the_same_in_every_unit(way: dict, per_channel: bool, absorbed: bool) -> None:
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8, **way)
    inputs = rows(200)[0]
    expected = error(float_network(), inputs, precision, per_channel=per_channel)
    for unit in UNITS:
        made = in_unit(unit, float_network(), inputs, absorbed=absorbed)
        assert error(*made, precision, per_channel=per_channel) <= 1.1 * expected


@pytest.mark.parametrize("bits", [2, 4, 12])
def test_widths_play_no_part(bits: int) -> None:
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
    inputs = rows(200)[0]
    expected = error(float_network(), inputs, precision)
    for unit in UNITS:
        assert error(*in_unit(unit, float_network(), inputs, absorbed=True), precision) <= 1.1 * expected


@pytest.mark.parametrize("unit", [2.0**-50, 2.0**40])
def test_a_power_of_two_changes_no_code(unit: float) -> None:
    """Of convolutions either: the search for scales is the same to the last bit."""
    case, precision = CASES["autoencoder"], Precision(method="ptq", weight_bits=6, activation_bits=6)
    options = dict(case.options)
    codes = []
    for factor in (1.0, unit):
        network, inputs = in_unit(factor, case.network(), case.rows(12), absorbed=True)
        codes.append(freeze(calibrate(build_quantized(network, precision, input_bits=8, **options), inputs)).codes)
    assert all(torch.equal(code, codes[1][name]) for name, code in codes[0].items())
