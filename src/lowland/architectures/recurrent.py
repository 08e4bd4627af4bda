"""One recurrent layer over a series or a text, and a linear layer on its last state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.padded_recurrence import PaddedRecurrence
from lowland.coding.tokens import PADDING
from lowland.errors import LowlandError

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """An LSTM or GRU, then a linear layer on its last hidden state.

    Of texts, tokens are embedded first, and the state stays as it is wherever the token is 0, which pads texts.

    Args:
        kind: A key of ``CELLS``.
        inputs: Numbers at every place of a series; of texts the width of the embedding.
        hidden: Width of the state.
        outputs: Number of outputs.
        places: Places of a series whose inputs come in one row, place by place; ``None`` where they come apart.
        tokens: Size of the vocabulary, the padding included; ``None`` for series.
        spread: Standard deviation of the embeddings before training. Where they are wide, the layer behind remembers
            texts by them before it learns what words mean.

    Raises:
        LowlandError: Both places and tokens.
    """

    def __init__(
        self,
        kind: str,
        *,
        inputs: int,
        hidden: int,
        outputs: int,
        places: int | None = None,
        tokens: int | None = None,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        if places is not None and tokens is not None:
            raise LowlandError(
                f"network {kind} has places {places} and tokens {tokens}; expected places for series, tokens for texts"
            )
        self.spec: dict[str, Any] = {
            "kind": kind,
            "inputs": inputs,
            "hidden": hidden,
            "outputs": outputs,
            "places": places,
            "tokens": tokens,
            "spread": spread,
        }
        self.places, self.width = places, inputs
        recurrence = CELLS[kind](inputs, hidden, batch_first=True)
        self.embedding = None if tokens is None else nn.Embedding(tokens, inputs, padding_idx=PADDING)
        if self.embedding is not None:
            with torch.no_grad():
                self.embedding.weight.mul_(spread)
        self.recurrence = recurrence if tokens is None else PaddedRecurrence(recurrence, padding_idx=PADDING)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of series [n, places, inputs] or [n, places * inputs], or of tokens [n, places].

        Args:
            inputs: Tokens may come as whole numbers of any type.
        """
        if self.embedding is not None:
            tokens = inputs.to(torch.int64)
            states = self.recurrence(self.embedding(tokens), tokens)
        else:
            series = inputs if self.places is None else inputs.unflatten(1, (self.places, self.width))
            states, _ = self.recurrence(series)
        return self.head(states[:, -1])
