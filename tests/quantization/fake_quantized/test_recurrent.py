"""Recurrent networks with fake quantizers: Brevitas' values, gradients through time, and what is frozen of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.fake_quantized.network import Stored
from tests.quantization.recurrent import CASES, FEATURES, TOKENS


@pytest.mark.parametrize("name", CASES)
def test_brevitas_computes_the_same(name: str) -> None:
    quantized, rows = CASES[name].quantized(4), CASES[name].rows(60, seed=1)
    with torch.no_grad():
        found, expected = quantized(rows), quantized.reference(rows)
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.max() - expected.min())


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_brevitas_has_the_same_gradients_through_time(name: str) -> None:
    quantized, rows = CASES[name].quantized(4), CASES[name].rows(40, seed=1)
    trained = {key: p for key, p in quantized.named_parameters() if p.requires_grad}
    gradients = []
    for forward in (quantized, quantized.reference):
        outputs: Tensor = forward(rows)
        gradients.append(torch.autograd.grad(outputs.square().mean(), list(trained.values())))
    for key, found, expected in zip(trained, *gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max() + 1e-3), msg=key)
        assert float(expected.abs().sum()) > 0, key


@pytest.mark.parametrize(
    "name, bits", [*((name, 4) for name in CASES), ("lstm", 8), ("gru", 8), ("lstm_text", 8), ("gru_text", 8)]
)
def test_what_is_frozen_computes_what_was_trained(name: str, bits: int) -> None:
    quantized, rows = CASES[name].quantized(bits), CASES[name].rows(256, seed=2)
    check = deployment_check(quantized, freeze(quantized), rows)
    outputs = quantized(rows)
    assert check.largest_difference <= 1e-5 * float((outputs.max() - outputs.min()).detach())
    assert check.decisions_changed == 0
    assert check.integer_samples <= 0.004 and check.integer_share < 1e-4


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_per_channel_scales_and_corrected_biases_are_frozen_too(name: str) -> None:
    quantized, rows = (
        CASES[name].quantized(4, per_channel=True, bias_correction=True, equalization=True),
        CASES[name].rows(100),
    )
    network = freeze(quantized)
    assert network.scales["recurrence.hidden.weight"].shape == (network.codes["recurrence.hidden.weight"].shape[0], 1)
    check = deployment_check(quantized, network, rows)
    assert check.largest_difference < 1e-5 and check.integer_samples == 0
    assert torch.equal(network.deployed_outputs(rows), network.scaled(network.forward_integer(rows)))


@torch.no_grad()
@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_the_error_falls_with_the_bits(name: str) -> None:
    network, rows = CASES[name].network(), CASES[name].rows(200, seed=4)
    expected = network(rows)
    errors = [float((CASES[name].quantized(b)(rows) - expected).abs().mean() / expected.std()) for b in (4, 8, 16)]
    assert errors[0] < 0.4 and errors[1] < errors[0] / 5 and errors[2] < 1e-3


@pytest.mark.parametrize("name", ["lstm_text", "gru"])
def test_training_lowers_the_loss_and_stays_deployable(name: str) -> None:
    quantized, rows = CASES[name].quantized(3), CASES[name].rows(100, seed=5)
    targets = (rows.reshape(100, -1).double().mean(1) > (2 if CASES[name].tokens else 0)).long()
    trained = [parameter for parameter in quantized.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, 0.01)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(quantized(rows), targets)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    check = deployment_check(quantized, freeze(quantized), rows)
    assert check.largest_difference < 1e-5 and check.integer_samples <= 0.01


def test_weights_of_a_body_are_read_once_an_inference() -> None:
    quantized, rows = CASES["lstm_text"].quantized(4), CASES["lstm_text"].rows(5)
    names = []

    def read(tensor: Stored) -> Tensor:
        names.append(tensor.name)
        return tensor.values

    assert torch.equal(quantized(rows, read), quantized(rows))
    assert names == list(quantized.stored)
    assert names[0] == "embedding.weight" and "recurrence.hidden.weight" in names
    assert set(names) == {name for name in freeze(quantized).codes if not name.endswith("table")}


def test_frozen_weights_of_a_recurrent_layer_stay_frozen() -> None:
    network = nn.LSTM(FEATURES, 4, batch_first=True)
    network.weight_hh_l0.requires_grad_(False)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = network, nn.Linear(4, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.rnn(inputs)[0][:, -1])

    quantized = build_quantized(Net(), Precision(method="qat", weight_bits=4, activation_bits=4), input_bits=8)
    assert not quantized.stored["rnn.hidden.weight"].requires_grad
    assert not quantized.threshold("rnn.hidden").requires_grad
    assert quantized.stored["rnn.input.weight"].requires_grad


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32])
def test_tokens_may_be_whole_numbers_of_any_type(dtype: torch.dtype) -> None:
    case = CASES["gru_text"]
    quantized, rows = case.quantized(4), case.rows(30, seed=6)
    network = freeze(quantized)
    for found in (quantized, network, network.forward_integer, network.deployed_outputs, network.dequantized()):
        assert torch.equal(found(rows.to(dtype)), found(rows))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    again = calibrate(build_quantized(case.network(), precision, input_bits=8), rows.to(dtype))
    assert again.stored["embedding.weight"].shape == (TOKENS, FEATURES) and "input" not in again.nodes


def test_fractions_are_no_tokens() -> None:
    case = CASES["gru_text"]
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    with pytest.raises(LowlandError, match="calibration inputs hold fractions or NaN; expected tokens"):
        calibrate(build_quantized(case.network(), precision, input_bits=8), case.rows(5) + 0.5)
