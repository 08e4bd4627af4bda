"""What holds for all recipes, on float networks and on twins."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, twin
from tests.training.fitting import OPTIONS, data, equal_weights, fit, network

RECIPES = {
    "plain": {"kind": "plain"},
    "weight_decay": {"kind": "weight_decay", "weight": 0.1},
    "jacobian": {"kind": "jacobian", "weight": 0.1, "num_projections": 2},
    "orthogonal": {"kind": "orthogonal", "weight": 0.01},
    "clipping": {"kind": "clipping", "limit": 0.1},
    "noise": {"kind": "noise", "noise": "gaussian", "level": 30},
    "salt_and_pepper": {"kind": "noise", "noise": "salt_and_pepper", "level": 30},
    "sam": {"kind": "sam", "rho": 0.1},
    "asam": {"kind": "sam", "rho": 0.5, "adaptive": True},
    "bit_errors": {"kind": "bit_errors", "rate": 0.02, "bits": 6},
    "clipped_bit_errors": {"kind": "bit_errors", "rate": 0.02, "bits": 6, "limit": 0.1},
}
SHORT = OPTIONS.model_copy(update={"epochs": 2})


@pytest.fixture(params=RECIPES)
def chosen(request):
    return RECIPES[request.param]


def hooks(model):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    return [len(getattr(module, kind)) for module in model.modules() for kind in kinds]


def test_a_recipe_changes_the_weights_and_nothing_else(chosen):
    plain, model = fit(network()), network()
    keys, modules, before = list(model.state_dict()), [type(m) for m in model.modules()], hooks(model)
    identities = [id(p) for p in model.parameters()]
    found = fit(model, **chosen).network
    assert found is model and equal_weights(found, plain.network) == (chosen["kind"] == "plain")
    assert list(found.state_dict()) == keys and [type(m) for m in found.modules()] == modules
    assert [id(p) for p in found.parameters()] == identities
    assert hooks(found) == before and not any(parametrize.is_parametrized(module) for module in found.modules())
    assert all(p.grad is None and p.requires_grad for p in found.parameters())
    if "limit" in chosen:
        assert all(layer.weight.detach().abs().max() <= chosen["limit"] for layer in (found[0], found[2]))


def test_equal_keys_give_equal_networks_whatever_the_global_generator(chosen):
    torch.manual_seed(1)
    first = fit(network(), options=SHORT, **chosen)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = fit(network(), options=SHORT, **chosen)
    assert equal_weights(first.network, second.network) and first.curves.equals(second.curves)
    assert torch.equal(torch.get_rng_state(), state)


def test_training_data_are_left_as_they_came(chosen):
    inputs, targets = data()
    fit(network(), options=SHORT, training=(inputs, targets), **chosen)
    assert torch.equal(inputs, data()[0]) and torch.equal(targets, data()[1]) and not inputs.requires_grad


@pytest.mark.parametrize("make", [network, lambda: twin(4)], ids=["float", "twin"])
def test_divergence_is_a_status(chosen, make):
    model = make()
    inputs, targets = data() if isinstance(model, nn.Sequential) else rows(64)
    result = fit(model, training=(inputs * math.nan, targets), validation=(inputs, targets), **chosen)
    assert result.status == "non_finite" and len(result.curves) == 1
    assert all(p.isfinite().all() for p in result.network.parameters())


def test_running_statistics_see_each_batch_once(chosen):
    """The second pass of a recipe must not move them: it is not of the weights that are deployed."""
    norm = nn.BatchNorm1d(3)
    fit(nn.Sequential(norm, nn.Linear(3, 2)), options=SHORT.model_copy(update={"epochs": 1}), **chosen)
    assert int(norm.num_batches_tracked) == 4
    plain = nn.BatchNorm1d(3)
    fit(nn.Sequential(plain, nn.Linear(3, 2)), options=SHORT.model_copy(update={"epochs": 1}), kind="plain")
    assert torch.equal(norm.running_mean, plain.running_mean) == (chosen["kind"] != "noise")


@pytest.mark.parametrize("bits", [3, 4, 6, 12])
def test_twins_are_fine_tuned_and_deployed(chosen, bits):
    quantized = twin(bits)
    keys, (inputs, targets) = list(quantized.state_dict()), rows(64)
    result = fit(quantized, options=SHORT, training=(inputs, targets), validation=rows(64, seed=1), **chosen)
    assert result.status == "ok" and list(result.network.state_dict()) == keys
    assert not equal_weights(result.network, twin(bits))
    check = deployment_check(result.network, freeze(result.network), inputs, classifier=True)
    assert check.largest_difference < 1e-5 and check.decisions_changed == 0


@pytest.mark.parametrize("bits", [3, 12])
def test_twins_with_a_float_part_are_fine_tuned_and_deployed(chosen, bits):
    case = CASES["autoencoder"]
    model, inputs = case.network(), case.rows(24)
    model.decoder.append(nn.Flatten())  # the Jacobian penalty takes outputs [rows, values]
    precision = Precision(method="qat", weight_bits=bits, activation_bits=bits)
    quantized = build_quantized(model, precision, input_bits=8, float_from="decoder")
    calibrate(quantized, inputs)
    before, pair = copy.deepcopy(quantized), (inputs, inputs.flatten(1).sigmoid())
    result = fit(quantized, options=SHORT, training=pair, validation=pair, loss=nn.functional.mse_loss, **chosen)
    assert result.status == "ok" and not equal_weights(result.network.layers.decoder, before.layers.decoder)
    assert not torch.equal(result.network.stored["encoder_0.weight"], before.stored["encoder_0.weight"])
    assert deployment_check(result.network, freeze(result.network), inputs).largest_difference < 1e-5
