"""Numbers that no code can stand for are refused by name, before anything is computed."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.quantization.networks import float_network, rows, twin

PRECISION = Precision(method="ptq", weight_bits=8, activation_bits=8, calibration="max")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["0.weight", "2.bias"])
def test_what_is_not_finite_is_refused_by_name(name: str, bad: float) -> None:
    network = float_network()
    with torch.no_grad():
        network.get_parameter(name).view(-1)[1] = bad
    size = network.get_parameter(name).numel()
    with pytest.raises(LowlandError, match=f"^{name} of the network holds 1 NaN or infinite values among {size}; "):
        build_quantized(network, PRECISION, input_bits=8)


def test_statistics_and_computed_weights_are_looked_at_too() -> None:
    network = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)).eval()
    network[1].running_var[2] = math.inf
    with pytest.raises(LowlandError, match=r"1\.running_var of the network holds 1 NaN"):
        build_quantized(network, PRECISION, input_bits=8)
    network = nn.Sequential(nn.Linear(6, 4))
    nn.init.zeros_(network[0].weight)
    parametrizations.weight_norm(network[0])  # 0 / 0
    with pytest.raises(LowlandError, match=r"0\.weight of the network holds 24 NaN"):
        build_quantized(network, PRECISION, input_bits=8)


def test_a_twin_that_diverged_is_not_frozen() -> None:
    for name in ("weight", "bias"):
        diverged = twin(4)
        with torch.no_grad():
            getattr(diverged.layers.get_submodule("2"), name).view(-1)[0] = math.nan
        with pytest.raises(LowlandError, match=f"2.{name} of the network holds 1 NaN"):
            freeze(diverged)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_are_refused_with_the_remedy(dtype: torch.dtype) -> None:
    network, inputs = float_network().to(dtype), rows(50)[0]
    with pytest.raises(LowlandError, match=f"0.weight of the network is {dtype}; .* call network.float"):
        build_quantized(network, PRECISION, input_bits=8)
    quantized = build_quantized(network.float(), PRECISION, input_bits=8)
    with pytest.raises(LowlandError, match=f"calibration inputs are {dtype}; .* call inputs.float"):
        calibrate(quantized, inputs.to(dtype))
    freeze(calibrate(quantized, inputs.to(dtype).float()))


def test_outputs_that_overflow_are_refused() -> None:
    network = float_network()
    with torch.no_grad():
        network[2].weight.fill_(3e38)
    quantized = build_quantized(network, PRECISION, input_bits=8)
    before = copy.deepcopy(quantized.state_dict())
    with pytest.raises(LowlandError, match="outputs of layer 2 overflow on the calibration inputs"):
        calibrate(quantized, rows(50)[0])
    assert not quantized.calibrated and list(before) == list(quantized.state_dict())
