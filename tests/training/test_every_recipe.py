"""What holds for all recipes."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from tests.quantization.networks import rows, twin
from tests.training.fitting import OPTIONS, RECIPES, data, equal_weights, fit, network

SHORT = OPTIONS.model_copy(update={"epochs": 1})


@pytest.fixture(params=RECIPES)
def chosen(request):
    return RECIPES[request.param]


def hooks(model):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    return [len(getattr(module, kind)) for module in model.modules() for kind in kinds]


def test_a_recipe_changes_the_weights_and_nothing_else(chosen):
    plain, model = fit(network(), options=SHORT), network()
    keys, modules, before = list(model.state_dict()), [type(m) for m in model.modules()], hooks(model)
    identities = [id(p) for p in model.parameters()]
    found = fit(model, options=SHORT, **chosen).network
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
    fit(nn.Sequential(norm, nn.Linear(3, 2)), options=SHORT, **chosen)
    assert int(norm.num_batches_tracked) == 4
    plain = nn.BatchNorm1d(3)
    fit(nn.Sequential(plain, nn.Linear(3, 2)), options=SHORT, kind="plain")
    assert torch.equal(norm.running_var, plain.running_var) == (
        chosen["kind"] not in ("noise", "adversarial", "mixup", "ema")
    )
