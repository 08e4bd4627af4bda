from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization import (
    Precision,
    QuantizedNetwork,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
)
from lowland.quantization.graph.operations import weighted_kind
from tests.quantization.brevitas_graph import bias_correction_mode
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network, rows, trained_float


def corrected(network: nn.Module, inputs: Tensor, bits: int, *, correct: bool = True, input_bits: int = 8,
              activation_bits: int | None = None, per_channel: bool = False,
              **options: object) -> QuantizedNetwork:  # fmt: skip
    widths = {"weight_bits": bits, "activation_bits": activation_bits or bits}
    precision = Precision(method="ptq", bias_correction=correct, per_channel=per_channel, **widths)
    return calibrate(build_quantized(network, precision, input_bits=input_bits, **options), inputs)


def mean_errors(quantized: QuantizedNetwork, plain: QuantizedNetwork, inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of every layer with weights: mean error of each channel, and the step of its accumulators."""
    found = []
    with torch.no_grad():
        exact, given = inputs, (inputs, torch.tensor(1.0))
        for name, layer in quantized.layers.named_children():  # a chain
            given = values, scale = quantized.compute(name, [given])
            if weighted_kind(layer) is not None:  # biases of the float network are those of the uncorrected twin
                source = plain.layers.get_submodule(name)
                exact = plain._operations[name](exact, source.weight, source.bias)
                channel = -1 if isinstance(layer, nn.Linear) else 1
                error = (values.double() - exact.double()).transpose(0, channel).flatten(1).mean(1)
                found.append((error, scale))
            elif name == "input":
                pass
            elif name in quantized.bits:
                exact = functional.relu(exact)
            else:
                exact = layer(exact)
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bits", [3, 8])
def test_the_mean_error_of_every_channel_is_zero_up_to_half_a_step(case: str, bits: int) -> None:
    network, options = CASES[case].network(), dict(CASES[case].options)
    options["per_channel"] = CASES[case].per_channel
    inputs = CASES[case].rows(24)
    quantized = corrected(network, inputs, bits, **options)
    plain = corrected(network, inputs, bits, correct=False, **options)
    for error, step in mean_errors(quantized, plain, inputs):
        noise = 1e-5 * float(quantized(inputs).detach().abs().max())
        assert bool((error.abs() <= 0.5 * step + noise).all())
    before = [float((error.abs() / step).max()) for error, step in mean_errors(plain, plain, inputs)]
    assert max(before) > 2


def test_layers_without_bias_get_one() -> None:
    network, (inputs, _) = float_network(bias=False), rows(512)
    quantized = corrected(network, inputs, 3)
    integer = freeze(quantized)
    assert {"0.bias", "2.bias", "4.bias"} <= set(integer.codes)
    assert deployment_check(quantized, integer, inputs).largest_difference <= 1e-5
    with torch.no_grad():
        error = quantized(inputs).mean(0) - network(inputs).mean(0)
    assert float(error.abs().max()) < 0.01
    assert all(layer.bias is None for layer in network if isinstance(layer, nn.Linear))
    again = build_quantized(network, quantized.precision, input_bits=8)
    again.load_state_dict(quantized.state_dict())
    assert torch.equal(again(inputs), quantized(inputs))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_first_layer_is_corrected_as_by_brevitas(bits: int) -> None:
    """Which leaves the errors of the inputs' rounding out: none at 16 bits."""
    network, (inputs, _) = trained_float(), rows(512)
    plain = corrected(network, inputs, bits, correct=False, input_bits=16)
    theirs = copy.deepcopy(plain)
    with torch.no_grad(), bias_correction_mode(theirs.layers):
        theirs.reference(inputs)
    ours = corrected(network, inputs, bits, input_bits=16)
    first = [part.layers.get_submodule("0").bias.detach() for part in (ours, theirs, plain)]
    step = float(ours.compute("0", [(inputs, ours.grid("input").scale)])[1].detach())
    assert float((first[0] - first[1]).abs().max()) <= 2e-4 + step
    assert float((first[0] - first[2]).abs().max()) > 0.01


@pytest.mark.parametrize("bits", [3, 4])
def test_the_outputs_are_nearer_in_the_mean_than_with_brevitas(bits: int) -> None:
    """Whose correction feeds each layer floats, so that errors of several layers add up."""
    network, (inputs, _) = trained_float(), rows(512)
    plain = corrected(network, inputs, bits, correct=False)
    theirs = copy.deepcopy(plain)
    with torch.no_grad(), bias_correction_mode(theirs.layers):
        theirs.reference(inputs)
    ours = corrected(network, inputs, bits)
    with torch.no_grad():
        errors = [float((part(inputs).mean(0) - network(inputs).mean(0)).abs().max()) for part in (ours, theirs, plain)]
    assert errors[0] < 0.6 * errors[1] and errors[0] < 0.6 * errors[2]


def test_one_summand_for_all_channels_is_corrected_by_their_mean() -> None:
    network = nn.Sequential(nn.Linear(6, 6), Shifted(0.3)).eval()
    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    quantized = corrected(network, inputs, 3, input_bits=3)
    with torch.no_grad():
        error = quantized(inputs).double().mean() - network(inputs).double().mean()
    assert abs(float(error)) <= 0.5 * float(freeze(quantized).output_scale) + 1e-6


class Shifted(nn.Module):
    """Adds a number to all values."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.relu(inputs) + self.by
