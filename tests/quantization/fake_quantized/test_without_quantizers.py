"""A fake-quantized model with its quantizers off is the float network that it was made of."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lowland.quantization import Precision, build_quantized, calibrate, fold_batch_norm, without_quantizers
from tests.quantization.convolutions import CASES as CONVOLUTIONS
from tests.quantization.networks import float_network, rows, step, twin
from tests.quantization.recurrent import CASES as RECURRENT


@pytest.mark.parametrize("name", RECURRENT)
def test_before_training_it_is_the_recurrent_network(name: str) -> None:
    case, inputs = RECURRENT[name], RECURRENT[name].rows(40, seed=1)
    with torch.no_grad():
        expected = case.network()(inputs)
    torch.testing.assert_close(without_quantizers(case.quantized(3), inputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_before_training_it_is_the_convolutional_network(name: str) -> None:
    case, inputs = CONVOLUTIONS[name], CONVOLUTIONS[name].rows(16)
    quantized = case.twin(3)
    with torch.no_grad():
        expected = case.network().eval()(inputs)
        assert float((quantized(inputs) - expected).abs().max()) > 1e-3  # with them it is another one
    torch.testing.assert_close(without_quantizers(quantized, inputs), expected, rtol=1e-4, atol=1e-5)


def test_after_training_it_is_the_float_network_with_the_trained_weights() -> None:
    quantized = twin(4)
    inputs, targets = rows(256)
    optimizer = torch.optim.Adam([p for p in quantized.parameters() if p.requires_grad], 0.01)
    for _ in range(5):
        step(quantized, inputs, targets, optimizer)
    before = copy.deepcopy(quantized.state_dict())
    network = float_network()
    network.load_state_dict({name: quantized.state_dict()[f"layers.{name}"] for name in network.state_dict()})
    with torch.no_grad():
        torch.testing.assert_close(without_quantizers(quantized, inputs), network(inputs), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in quantized.state_dict().items())


class _Mixed(nn.Module):
    """A sum, a table, a batch-norm and values that are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 8)
        self.act, self.last = nn.Tanh(), nn.Linear(16, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.first(inputs)))
        return self.last(torch.cat([hidden + self.second(hidden), self.act(hidden)], dim=1))


@pytest.mark.parametrize("options", [{}, {"equalization": True}, {"per_channel": True, "activations": "asymmetric"}])
def test_graphs_with_tables_sums_and_joined_values(options: dict[str, object]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _Mixed()
        network(torch.randn(64, 6))
    network.eval()
    inputs = rows(100)[0]
    precision = Precision(method="qat", weight_bits=4, activation_bits=4, **options)
    quantized = calibrate(build_quantized(network, precision, input_bits=8, example=inputs), inputs)
    with torch.no_grad():
        torch.testing.assert_close(
            without_quantizers(quantized, inputs), fold_batch_norm(network)(inputs), rtol=1e-4, atol=1e-4
        )
