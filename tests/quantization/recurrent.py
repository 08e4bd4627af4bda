"""Small recurrent networks and rows for them, for the tests of quantization and faults."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from lowland.architectures import build_network
from lowland.quantization import IntegerNetwork, Precision, QuantizedNetwork, build_quantized, calibrate, freeze

TOKENS, PLACES, FEATURES, HIDDEN, OUTPUTS = 9, 7, 3, 5, 3


class Deep(nn.Module):
    """An LSTM in both directions or a GRU of two layers; all that they give is used."""

    def __init__(self, cell: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        more: Any = {"bidirectional": True} if cell is nn.LSTM else {"num_layers": 2, "dropout": 0.4}
        self.rnn = cell(FEATURES, 4, batch_first=True, **more)
        self.head = nn.Linear(8, OUTPUTS)
        self.twice = 1 if cell is nn.LSTM else 2

    def forward(self, inputs: Tensor) -> Tensor:
        if isinstance(self.rnn, nn.LSTM):
            out, (h, _) = self.rnn(inputs)
        else:
            out, h = self.rnn(inputs)
        means = out.mean(1)
        means = means if self.twice == 1 else torch.cat([means, out[:, 2]], dim=1)
        return self.head(torch.cat([h[-2], h[-1]], dim=1) + means)


@dataclass(frozen=True)
class Case:
    """A recurrent network and the kind of its rows."""

    build: Callable[[], nn.Module]
    tokens: bool = False

    def network(self, *, seed: int = 0) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.build().eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.5)  # states move through much of their range
        return network

    def rows(self, count: int, *, seed: int = 0) -> Tensor:
        draws = torch.Generator().manual_seed(seed)
        if not self.tokens:
            return torch.randn(count, PLACES, FEATURES, generator=draws)
        tokens = torch.randint(0, TOKENS, (count, PLACES), generator=draws)
        lengths = torch.randint(0, PLACES + 1, (count, 1), generator=draws)
        return torch.where(torch.arange(PLACES) < lengths, tokens, 0)

    def quantized(self, bits: int, **options: Any) -> QuantizedNetwork:
        return copy.deepcopy(_quantized(self, bits, tuple(sorted(options.items()))))

    def integer(self, bits: int, **options: Any) -> IntegerNetwork:
        return freeze(self.quantized(bits, **options))


@cache
def _quantized(case: Case, bits: int, options: tuple[tuple[str, Any], ...]) -> QuantizedNetwork:
    how = {"method": "qat", "weight_bits": bits, "activation_bits": bits, "calibration": "max", **dict(options)}
    rows = case.rows(100, seed=3)
    quantized = build_quantized(case.network(), Precision(**how), input_bits=min(bits + 4, 16), example=rows)
    return calibrate(quantized, rows)


def _series(kind: str) -> Case:
    return Case(lambda: build_network({"kind": kind, "inputs": FEATURES, "hidden": HIDDEN, "outputs": OUTPUTS}))


def _text(kind: str) -> Case:
    spec = {"kind": kind, "inputs": FEATURES, "hidden": HIDDEN, "outputs": OUTPUTS, "tokens": TOKENS}
    return Case(lambda: build_network(spec), tokens=True)


CASES: dict[str, Case] = {
    "lstm": _series("lstm"),
    "gru": _series("gru"),
    "lstm_text": _text("lstm"),
    "gru_text": _text("gru"),
    "deep_lstm": Case(lambda: Deep(nn.LSTM)),
    "deep_gru": Case(lambda: Deep(nn.GRU)),
}
