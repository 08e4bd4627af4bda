"""LSTM and GRU over sequences of several lengths: padded places keep the state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError


class PaddedRecurrence(nn.Module):
    """A recurrent layer whose state stays as it is wherever a token says that there is nothing.

    ``out[:, -1]`` is then the state behind the last token that counts, whichever end of a sequence is padded.

    Args:
        recurrence: ``batch_first``, of one direction and one layer.
        padding_idx: The token that says so.

    Raises:
        LowlandError: Rows second, several layers, or two directions.
    """

    def __init__(self, recurrence: nn.LSTM | nn.GRU, *, padding_idx: int = 0) -> None:
        super().__init__()
        if not recurrence.batch_first or recurrence.num_layers != 1 or recurrence.bidirectional:
            raise LowlandError(
                f"recurrence is {recurrence!r}; expected batch_first=True, one layer and one direction: stack several "
                "modules for more"
            )
        self.recurrence = recurrence
        self.padding_idx = padding_idx

    def forward(self, sequence: Tensor, tokens: Tensor) -> Tensor:
        """The hidden state at every place.

        Args:
            sequence: [rows, places, features], such as the embeddings of the tokens.
            tokens: [rows, places].

        Returns:
            [rows, places, hidden]; zeros before the first token that counts.
        """
        counts = tokens != self.padding_idx
        # What counts is moved to the front, so that torch's own loop runs over it; then every place looks up the state
        # behind the last one that counts.
        order = torch.argsort((~counts).to(torch.int8), dim=1, stable=True)
        states, _ = self.recurrence(sequence.gather(1, order[:, :, None].expand_as(sequence)))
        last = counts.cumsum(1)
        states = torch.cat([states.new_zeros(len(states), 1, states.shape[2]), states], dim=1)
        return states.gather(1, last[:, :, None].expand(-1, -1, states.shape[2]))
