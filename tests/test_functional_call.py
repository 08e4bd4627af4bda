"""Other values of the parameters for one call, and the module as it came afterwards."""

import pytest
import torch
from torch import nn

from lowland.functional_call import call_with
from tests.cases import CASES


@pytest.mark.parametrize("name", ["mlp", "lstm", "gru", "rnn", "twin", "tied"])
def test_outputs_are_those_of_a_module_with_these_values(name):
    case = CASES[name]
    model, other, (inputs, _) = case.model(), case.model(), case.data()
    moved = {key: p.detach() * 1.5 for key, p in model.named_parameters()}
    other.load_state_dict({**other.state_dict(), **moved}, strict=True)
    expected, before = other(inputs), model(inputs)
    torch.testing.assert_close(call_with(model, moved, inputs), expected, rtol=1e-6, atol=1e-7)
    assert torch.equal(model(inputs), before)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("fails", [False, True])
def test_recurrent_layers_keep_their_own_weights(kind, fails):
    layer = kind(3, 4).eval()
    own = list(layer.parameters())
    moved = {name: (p.detach() * 2).requires_grad_() for name, p in layer.named_parameters()}
    try:
        call_with(layer, moved, torch.zeros(5, 9 if fails else 3))
    except RuntimeError:
        assert fails
    assert all(kept is p for kept, p in zip(layer._flat_weights, own, strict=True))
    assert all(reference() is p for reference, p in zip(layer._flat_weight_refs, own, strict=True))


def test_a_layer_in_two_places_and_a_tensor_of_two_layers_are_put_back():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    model.append(model[0])
    before = {name: id(p) for name, p in model.named_parameters(remove_duplicate=False)}
    inputs = torch.randn(4, 3)
    values = {name: torch.full_like(p, 0.5) for name, p in model.named_parameters()}
    found = call_with(model, values, inputs)
    half = nn.functional.linear(inputs, torch.full((3, 3), 0.5), torch.full((3,), 0.5)).relu()
    for _ in range(2):
        half = nn.functional.linear(half, torch.full((3, 3), 0.5), torch.full((3,), 0.5))
    torch.testing.assert_close(found, half)
    assert {name: id(p) for name, p in model.named_parameters(remove_duplicate=False)} == before
