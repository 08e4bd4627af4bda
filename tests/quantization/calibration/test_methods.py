from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from brevitas.core.stats import AbsMax, AbsPercentile
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant.scaled_int import (
    Int8ActPerTensorFloat,
    Int8ActPerTensorFloatMSE,
    Int8WeightPerTensorFloat,
    Int8WeightPerTensorFloatMSE,
    Uint8ActPerTensorFloat,
    Uint8ActPerTensorFloatMSE,
)
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.quantization import Precision, build_quantized, calibrate
from lowland.quantization.calibration.least_error import OFF_GRID, best_threshold
from lowland.quantization.calibration.methods import CALIBRATIONS, size_percentile, size_threshold
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from tests.quantization.brevitas_graph import calibration_mode
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, trained_float

VALUES = {
    "normal": lambda draws: torch.randn(20000, generator=draws),
    "heavy": lambda draws: torch.randn(20000, generator=draws) * torch.randn(20000, generator=draws).abs(),
    "sparse": lambda draws: torch.randn(20000, generator=draws) * (torch.rand(20000, generator=draws) < 0.2),
}


def values(name: str) -> Tensor:
    return VALUES[name](torch.Generator().manual_seed(0))


def grid(bits: int, *, signed: bool) -> Grid:
    return Grid(torch.tensor(1.0), *code_range(bits, signed=signed))


def brevitas_threshold(quantizer: type, x: Tensor, bits: int, *, signed: bool, **options: float) -> float:
    kind = QuantIdentity if signed else QuantReLU
    layer = kind(act_quant=quantizer, bit_width=bits, **options).eval()
    with torch.no_grad(), calibration_mode(layer):
        layer(x)
    lowest, highest = code_range(bits, signed=signed)
    return float(layer.act_quant.scale().detach()) * max(-lowest, highest)


@pytest.mark.parametrize("percentile", [60.0, 99.0, 99.9, 99.999, 100.0])
@pytest.mark.parametrize("shape", [(7,), (1000,), (13, 40)])
def test_percentiles_are_those_of_brevitas(percentile: float, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    assert size_percentile(x, percentile) == AbsPercentile(percentile, None)(x)
    assert size_percentile(x, 100) == AbsMax()(x)


def test_a_percentile_is_the_size_that_so_many_do_not_exceed() -> None:
    x = torch.arange(-50, 50) / 10
    assert size_percentile(x, 90) == pytest.approx(4.5)
    assert int((x.abs() <= size_percentile(x, 90)).sum()) >= 90
    assert size_percentile(x[:1], 0.1) == 5


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("signed", [True, False])
def test_activation_thresholds_against_the_calibration_of_brevitas(name: str, bits: int, signed: bool) -> None:
    x = values(name)
    clipped = x if signed else x.relu()
    quantizer = Int8ActPerTensorFloat if signed else Uint8ActPerTensorFloat
    expected = brevitas_threshold(quantizer, x, bits, signed=signed, high_percentile_q=99.9)
    found = size_threshold(clipped, grid(bits, signed=signed), percentile=99.9)
    assert found / OFF_GRID == pytest.approx(expected, rel=1e-6)
    assert 0.9999 < OFF_GRID < 1

    def error(threshold: float) -> float:
        lowest, highest = code_range(bits, signed=signed)
        own = Grid(torch.tensor(threshold / max(-lowest, highest)), lowest, highest)
        return float((on_grid(clipped, own) - clipped).square().mean())

    quantizer = Int8ActPerTensorFloatMSE if signed else Uint8ActPerTensorFloatMSE
    theirs = brevitas_threshold(quantizer, x, bits, signed=signed)
    assert error(best_threshold(clipped, grid(bits, signed=signed))) <= 1.0005 * error(theirs)


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_weights_lose_no_more_at_the_outputs_than_with_the_search_of_brevitas(bits: int) -> None:
    network, (inputs, _) = trained_float(), rows(512)
    quantized = calibrate(
        build_quantized(network, Precision(method="ptq", weight_bits=bits, activation_bits=8), input_bits=16), inputs
    )
    float_layer: nn.Module = network[0]
    layer = QuantLinear(6, 12, bias=True, weight_quant=Int8WeightPerTensorFloatMSE, weight_bit_width=bits)
    layer.load_state_dict(float_layer.state_dict(), strict=False)
    exact = float_layer(inputs)
    ours = quantized.compute("0", [(inputs, torch.tensor(1e-9))])[0]
    assert float((ours - exact).square().mean().detach()) <= 1.01 * float(
        (layer(inputs) - exact).square().mean().detach()
    )


def test_a_whole_network_gets_the_scales_of_brevitas() -> None:
    """At 16 bits, where it does not matter whether what is observed is quantized."""
    network, (inputs, _) = trained_float(), rows(512)
    theirs = nn.Sequential(
        QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=16, high_percentile_q=98.0),
        *[
            QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=16, high_percentile_q=98.0)
            if isinstance(layer, nn.ReLU)
            else QuantLinear(
                layer.in_features,
                layer.out_features,
                bias=True,
                weight_quant=Int8WeightPerTensorFloat,
                weight_bit_width=16,
            )
            for layer in network
        ],
    )
    for twin, layer in zip(theirs[1:], network, strict=True):
        twin.load_state_dict(layer.state_dict(), strict=False)
    with torch.no_grad(), calibration_mode(theirs.eval()):
        theirs(inputs)
    precision = Precision(method="ptq", weight_bits=16, activation_bits=16, calibration="percentile", percentile=98.0)
    ours = calibrate(build_quantized(network, precision, input_bits=16), inputs)
    for name, layer in zip(ours.bits, theirs, strict=True):
        weighted = isinstance(layer, QuantLinear)
        scale = float((layer.quant_weight().scale if weighted else layer.act_quant.scale()).detach())
        found = float(ours.grid(name).scale.detach()) / (1.0 if weighted else OFF_GRID)
        # While they observe, inputs are not clipped yet; ours are when the next layer is looked at.
        assert found == pytest.approx(scale, rel=0.02 if isinstance(layer, QuantReLU) else 1e-6)


@pytest.mark.parametrize("calibration", ["percentile", "max"])
@pytest.mark.parametrize("case", ["one scale a channel", "upsampling"])
def test_weights_are_not_clipped(case: str, calibration: str) -> None:
    precision = Precision(
        method="ptq",
        weight_bits=5,
        activation_bits=5,
        calibration=calibration,
        percentile=99.0 if calibration == "percentile" else None,
    )
    quantized = CASES[case].untrained(precision)
    calibrate(quantized, CASES[case].rows(32))
    for name in quantized.bits:
        layer, own = quantized.layers.get_submodule(name), quantized.grid(name)
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            codes = (layer.weight / own.scale).detach()
            kept = [dim for dim, size in enumerate(own.scale.shape) if size > 1]
            largest = codes.abs().amax([dim for dim in range(codes.ndim) if dim not in kept])
            torch.testing.assert_close(largest, torch.full_like(largest, own.highest))


def test_nothing_is_clipped_by_the_largest_value_and_so_much_by_a_percentile() -> None:
    network, (inputs, _) = trained_float(), rows(512)
    for calibration, percentile, share in (("max", None, 0.0), ("percentile", 95.0, 0.05)):
        precision = Precision(
            method="ptq", weight_bits=8, activation_bits=8, calibration=calibration, percentile=percentile
        )
        quantized = calibrate(build_quantized(network, precision, input_bits=8), inputs)
        own = quantized.grid("input")
        beyond = float((inputs.abs() > own.scale * (-own.lowest + 0.5)).float().mean().detach())
        assert beyond == pytest.approx(share, abs=0.005)


def test_mostly_silent_layers_get_a_usable_scale() -> None:
    x = torch.zeros(1000)
    assert size_threshold(x, grid(4, signed=False), percentile=90.0) == 1.0
    x[:3] = 2.0
    assert size_threshold(x, grid(4, signed=False), percentile=90.0) == pytest.approx(2 * OFF_GRID)
    assert math.isfinite(size_threshold(-x, grid(4, signed=False), percentile=90.0))


def test_every_calibration_has_a_key() -> None:
    assert set(CALIBRATIONS) == set(get_args(Precision.model_fields["calibration"].annotation))


def test_every_channel_of_a_norm_by_itself_has_its_own_factor_for_scale() -> None:
    """Its weights have no other dimension, over which the largest one could be looked for."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)).eval()
        torch.nn.init.uniform_(network[1].weight, 0.5, 2)
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8, per_channel=True, calibration="max")
    inputs = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    quantized = calibrate(build_quantized(network, precision, input_bits=8, example=inputs[:2]), inputs)
    own = quantized.grid("1")
    factors = quantized.layers.get_submodule("1").weight.detach()
    assert own.scale.shape == (3,)
    torch.testing.assert_close(own.scale.detach() * own.highest, factors.abs())
