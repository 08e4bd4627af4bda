"""The deployment formats of arXiv 2204.04220 in conf/shift_full are the arithmetic that its code asked for."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from lowland.architectures import initialised_network
from lowland.quantization import Precision, build_quantized, calibrate, freeze, quantize_dynamically
from lowland.quantization.dynamic.layers import CodedLayer

AXES = Path(__file__).resolve().parents[2] / "conf/shift_full/parameters_axes.yml"


@cache
def precision(name: str) -> Precision:
    return Precision(**yaml.safe_load(AXES.read_text("utf-8"))["precisions"][name])


def images(count: int, *, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


@cache
def lenet(kind: str) -> nn.Module:
    return initialised_network({"kind": kind, "inputs": [1, 28, 28], "outputs": 10}, key=("formats", 0)).eval()


def coded(network: nn.Module) -> dict[str, CodedLayer]:
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, CodedLayer)}


@pytest.mark.parametrize(
    "name, kind, expected",
    [
        # weights: 100, 1,200, 5,880
        ("dynamic_int8", "lenet1", [1200, 5880]),
        ("weights_8", "lenet1", [5880]),
        # weights: 150, 2,400, 94,080, 10,080, 840
        ("dynamic_int8", "lenet5", [2400, 94080, 10080]),
        ("weights_8", "lenet5", [94080, 10080, 840]),
    ],
)
def test_small_layers_stay_float_as_the_converters_leave_them(name, kind, expected):
    network = quantize_dynamically(lenet(kind), precision(name))
    assert [layer.weight.numel() for layer in coded(network).values()] == expected


def test_weights_of_the_dynamic_format_are_signed_bytes_and_activations_are_coded_for_each_row():
    network = quantize_dynamically(lenet("lenet1"), precision("dynamic_int8"))
    for layer in coded(network).values():
        assert layer.weight.dtype == torch.int8 and int(layer.weight.abs().max()) == 127
        coding = layer.arithmetic.activations
        assert layer.arithmetic.name == "litert" and (coding.granularity, coding.signed) == ("row", True)
        values = torch.randn(3, layer.weight[0].numel()) if layer.kind == "linear" else torch.randn(3, 4, 6, 6) + 1
        lowest, highest = values.flatten(1).amin(1).clamp(max=0), values.flatten(1).amax(1).clamp(min=0)
        found = layer.coded(values, coding, layer.widths.activation_bits)
        assert torch.allclose(found.scale.flatten(), (highest - lowest) / 255, rtol=1e-6)
        assert int(found.codes.min()) >= -128 and int(found.codes.max()) <= 127
    rows = images(6)
    assert torch.equal(network(rows)[2:3], network(rows[2:3]))


def test_the_static_format_has_unsigned_bytes_from_the_lowest_to_the_highest_value():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Conv2d(4, 5, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 576, 3)
    )
    rows = images(40)
    twin = build_quantized(
        network.eval(), precision("static_uint8"), input_bits=8, input_signed=False, example=rows[:2]
    )
    frozen = freeze(calibrate(twin, rows))
    assert twin.grid("input").lowest == 0 and twin.grid("input").highest == 255  # the inputs are bytes
    between = [name for name in twin.bits if name.endswith(("_in", "_out"))]
    assert between, twin.bits
    hidden = network[0](rows).detach()
    for name in between:
        grid = twin.grid(name)
        span = float(hidden.max() - hidden.min().clamp(max=0))
        assert grid.highest - grid.lowest == 255 and abs(grid.lowest) != grid.highest + 1  # a zero point of its own
        assert float(grid.scale.detach()) * 255 == pytest.approx(span, rel=0.02)
    rectified = twin.grid("2")
    assert (rectified.lowest, rectified.highest) == (0, 255)
    for name in ("0", "1", "4"):
        weight, scale = network.get_submodule(name).weight.detach(), twin.grid(name).scale.detach()
        assert frozen.codes[f"{name}.weight"].abs().max() <= 127
        largest = weight.abs().flatten(1).amax(1)
        torch.testing.assert_close(
            scale.flatten() * 127, largest, rtol=1e-5, atol=0
        )  # a scale a channel, nothing clipped


def test_the_weight_only_format_computes_in_floats_with_rounded_weights():
    network, rows = lenet("lenet5"), images(5)
    deployed = quantize_dynamically(network, precision("weights_8"))
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for layer in rounded.modules():
            if isinstance(layer, nn.Linear):
                scale = layer.weight.abs().amax(1, keepdim=True) / 127
                layer.weight.copy_((layer.weight / scale).round() * scale)
    torch.testing.assert_close(deployed(rows), rounded(rows), rtol=1e-5, atol=1e-6)
    assert not torch.equal(deployed(rows), network(rows))
