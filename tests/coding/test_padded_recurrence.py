import pytest
import torch
from torch import nn

from lowland.coding.padded_recurrence import PaddedRecurrence
from lowland.errors import LowlandError


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_padded_places_keep_the_state_wherever_they_are(cell):
    torch.manual_seed(0)
    recurrence = cell(3, 4, batch_first=True)
    padded = PaddedRecurrence(recurrence, padding_idx=2)
    sequence = torch.randn(10, 6, 3)
    tokens = torch.randint(0, 4, (10, 6))
    tokens[0], tokens[1] = 2, torch.tensor([1, 1, 2, 2, 2, 2])
    tokens[2] = torch.tensor([2, 2, 0, 3, 1, 1])
    states = padded(sequence, tokens)
    for row in range(10):
        hidden, memory = torch.zeros(1, 1, 4), None
        for place in range(6):
            if tokens[row, place] != 2:
                one = sequence[row : row + 1, place : place + 1]
                given = hidden if cell is nn.GRU else None if memory is None else (hidden, memory)
                _, last = recurrence(one, given)
                hidden, memory = (last, None) if cell is nn.GRU else last
            torch.testing.assert_close(states[row, place], hidden[0, 0], rtol=1e-5, atol=1e-6)


def test_gradients_reach_the_weights_through_what_counts_alone():
    torch.manual_seed(0)
    padded = PaddedRecurrence(nn.GRU(3, 4, batch_first=True))
    sequence = torch.randn(5, 6, 3, requires_grad=True)
    tokens = torch.tensor([[1, 0, 2, 0, 0, 0]]).expand(5, 6)
    padded(sequence, tokens)[:, -1].sum().backward()
    assert bool((sequence.grad.abs().sum(2) > 0).eq(tokens != 0).all())
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in padded.parameters())


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"bidirectional": True}, {"batch_first": False}])
def test_other_layers_are_refused(options):
    with pytest.raises(LowlandError, match="expected batch_first=True, one layer and one direction"):
        PaddedRecurrence(nn.LSTM(3, 4, **{"batch_first": True, **options}))
