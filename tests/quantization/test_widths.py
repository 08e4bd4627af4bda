"""Every width of weights and activations builds, freezes and deploys, however it is calibrated."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lowland.quantization import DeploymentCheck, Precision, build_quantized, calibrate, deployment_check, freeze
from tests.quantization.convolutions import CASES


def perceptron() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for before, after in ((16, 64), (64, 32), (32, 32)):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(32, 5))


def inputs(name: str, count: int, *, seed: int) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    if name == "perceptron":
        return torch.randn(count, 16, generator=draws)
    return torch.rand(count, *CASES[name].shape, generator=draws) * (2 if name == "autoencoder" else 1)


def deployed(name: str, bits: int, *, plain: bool) -> DeploymentCheck:
    options = {} if plain else {"calibration": "max", "bias_correction": True, "equalization": True}
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits, **options)
    network = perceptron() if name == "perceptron" else CASES[name].network()
    few = name == "regression"
    quantized = build_quantized(
        network,
        precision,
        input_bits=8 if bits < 8 else bits,
        input_signed=name == "perceptron",
        float_from="decoder" if name == "autoencoder" else None,
    )
    calibrate(quantized, inputs(name, 12 if few else 100, seed=1))
    return deployment_check(quantized, freeze(quantized), inputs(name, 6 if few else 300, seed=2))


@pytest.mark.parametrize("name", ["perceptron", "regression", "autoencoder"])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 7, 8, 10, 11, 12])
def test_integers_are_the_network_up_to_12_bits(name: str, bits: int) -> None:
    check = deployed(name, bits, plain=bits % 2 == 0)
    assert check.largest_difference <= 1e-5
    assert check.decisions_changed in (0, None)
    assert check.integer_samples <= 1e-3
    assert check.single_share <= 2e-3  # float32 holds sums of 12-bit codes no better
    assert check.integer_difference <= 2e-3


@pytest.mark.parametrize("name", ["perceptron", "regression", "autoencoder"])
@pytest.mark.parametrize("bits", [14, 16])
def test_the_fixed_point_ratio_misses_some_codes_by_one_beyond(name: str, bits: int) -> None:
    """Products of accumulators and multipliers fill 62 bits there."""
    check = deployed(name, bits, plain=False)
    assert check.largest_difference <= 1e-5
    assert check.integer_codes <= 1 and check.integer_share <= 5e-3
    assert check.integer_difference <= 1e-4
