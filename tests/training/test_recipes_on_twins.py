"""Quantization-aware fine-tuning with every recipe."""

import copy

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, twin
from tests.training.fitting import OPTIONS, RECIPES, equal_weights, fit

SHORT = OPTIONS.model_copy(update={"epochs": 1})


@pytest.fixture(params=RECIPES)
def chosen(request):
    return RECIPES[request.param]


@pytest.mark.parametrize("bits", [3, 12])
def test_twins_are_fine_tuned_and_deployed(chosen, bits):
    quantized = twin(bits)
    keys, (inputs, targets) = list(quantized.state_dict()), rows(32)
    result = fit(quantized, options=SHORT, training=(inputs, targets), validation=rows(32, seed=1), **chosen)
    assert result.status == "ok" and list(result.network.state_dict()) == keys
    assert not equal_weights(result.network, twin(bits))
    check = deployment_check(result.network, freeze(result.network), inputs, classifier=True)
    assert check.largest_difference < 1e-5 and check.decisions_changed == 0


def test_twins_with_a_float_part_are_fine_tuned_and_deployed(chosen):
    case = CASES["autoencoder"]
    model, inputs = case.network(), case.rows(8)
    model.decoder.append(nn.Flatten())  # the Jacobian penalty takes outputs [rows, values]
    precision = Precision(method="qat", weight_bits=6, activation_bits=6)
    quantized = build_quantized(model, precision, input_bits=8, float_from="decoder")
    calibrate(quantized, inputs)
    before, pair = copy.deepcopy(quantized), (inputs, inputs.flatten(1).sigmoid())
    if chosen["kind"] in ("label_smoothing", "distilled_robust"):
        with pytest.raises(LowlandError, match=r"^targets are torch\.float32 .* expects numbers of classes \[n\]: use"):
            fit(quantized, options=SHORT, training=pair, validation=pair, loss=nn.functional.mse_loss, **chosen)
        return
    result = fit(quantized, options=SHORT, training=pair, validation=pair, loss=nn.functional.mse_loss, **chosen)
    assert result.status == "ok" and not equal_weights(result.network.layers.decoder, before.layers.decoder)
    assert not torch.equal(result.network.stored["encoder_0.weight"], before.stored["encoder_0.weight"])
    assert deployment_check(result.network, freeze(result.network), inputs).largest_difference < 1e-5
