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
