from __future__ import annotations

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate
from lowland.quantization.calibration.least_error import best_channel_thresholds, best_threshold, best_weight_threshold
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, trained_float


def squared_error(values: torch.Tensor, threshold: float, lowest: int, highest: int) -> float:
    scale = torch.tensor(threshold / max(-lowest, highest))
    return float((on_grid(values, Grid(scale, lowest, highest)) - values).square().mean())


@pytest.mark.parametrize(("lowest", "highest"), [(-1, 1), (-7, 7), (-128, 127), (0, 3), (0, 255)])
def test_the_threshold_loses_least(lowest: int, highest: int) -> None:
    values = torch.randn(3000, generator=torch.Generator().manual_seed(0))
    if lowest == 0:
        values = values.clamp(min=0)
    found = best_threshold(values, Grid(torch.tensor(1.0), lowest, highest))
    exhaustive = min(
        squared_error(values, float(t), lowest, highest) for t in torch.linspace(0.1, 1, 400) * values.abs().max()
    )
    assert squared_error(values, found, lowest, highest) <= 1.02 * exhaustive


@pytest.mark.parametrize("highest", [1, 7, 127])
def test_the_weight_threshold_loses_least_at_the_outputs(highest: int) -> None:
    source = torch.Generator().manual_seed(0)
    weight, exact = torch.randn(5, 6, generator=source), torch.randn(200, 6, generator=source) * torch.arange(1, 7)
    values = (exact * 2).round() / 2

    def loss(threshold: float) -> float:
        rounded = on_grid(weight, Grid(torch.tensor(threshold / highest), -highest, highest))
        return float((values @ rounded.T - exact @ weight.T).square().mean())

    found = best_weight_threshold(weight, Grid(torch.tensor(1.0), -highest, highest), values, exact)
    exhaustive = min(loss(float(t)) for t in torch.linspace(0.1, 1, 500) * weight.abs().max())
    assert loss(found) <= 1.1 * exhaustive


def test_every_channel_loses_least_by_itself() -> None:
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 6, generator=source) * torch.arange(5)[:, None]  # one of them all zeros
    exact = torch.randn(200, 6, generator=source)
    values = (exact * 2).round() / 2
    shape = Grid(torch.tensor(1.0), -7, 7)
    found = best_channel_thresholds(weight, shape, values, exact)
    assert found.shape == (5,) and found[0] > 0
    for channel in range(1, 5):
        single = best_weight_threshold(weight[channel : channel + 1], shape, values, exact)
        torch.testing.assert_close(found[channel], torch.tensor(single), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["0", "3"])
def test_convolutions_lose_least_at_their_outputs(name: str) -> None:
    """Of all scales, with everything before them as it is."""
    network = CASES["one scale a channel"].network()
    inputs = CASES["one scale a channel"].rows(64)
    precision = Precision(method="ptq", weight_bits=3, activation_bits=4)
    quantized = calibrate(build_quantized(network, precision, input_bits=4), inputs)
    before = nn.Sequential(*list(quantized.layers.values())[: int(name) + 1])  # the inputs' quantizer comes first
    exact = network[: int(name) + 1](inputs)
    values = before(inputs).value
    layer, shape = network[int(name)], quantized.grid(name)

    def loss(threshold: float) -> float:
        rounded = on_grid(layer.weight, shape._replace(scale=torch.tensor(threshold / 3)))
        return float((quantized._operations[name](values, rounded, layer.bias) - exact).square().mean().detach())

    largest = float(layer.weight.detach().abs().max())
    exhaustive = min(loss(float(t)) for t in torch.linspace(0.1, 1, 300) * largest)
    assert loss(float(quantized.threshold(name).detach())) <= 1.05 * exhaustive


def test_a_silent_layer_gets_a_usable_scale() -> None:
    assert best_threshold(torch.zeros(10), Grid(torch.tensor(1.0), 0, 15)) > 0
    assert best_weight_threshold(torch.zeros(2, 3), Grid(torch.tensor(1.0), -7, 7), *[torch.ones(4, 3)] * 2) > 0


def test_codes_beyond_the_range_are_rare_and_the_accuracy_stays() -> None:
    network = trained_float()
    inputs, targets = rows(2000, seed=1)
    accuracy = float((network(inputs).argmax(-1) == targets).float().mean())
    drops = []
    for bits in (8, 6, 4):
        precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
        quantized = calibrate(build_quantized(network, precision, input_bits=8), rows(512)[0])
        drops.append(accuracy - float((quantized(inputs).argmax(-1) == targets).float().mean()))
    assert drops[0] < 0.01 and drops[1] < 0.02 and drops[2] < 0.1


def test_calibration_needs_finite_rows() -> None:
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
    quantized = build_quantized(trained_float(), precision, input_bits=8)
    with pytest.raises(LowlandError, match="calibration inputs have 0 samples"):
        calibrate(quantized, rows(1)[0][:0])
    with pytest.raises(LowlandError, match="calibration inputs hold NaN or infinite values"):
        calibrate(quantized, torch.full((4, 6), torch.nan))
    assert not quantized.calibrated
