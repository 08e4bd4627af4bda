"""Random networks of all operations that can be quantized, for properties that hold for every graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

SIZE = 6  # pixels along a side


class Call(NamedTuple):
    """One operation on values that were computed before."""

    name: str
    operands: tuple[int, ...]


class RandomNetwork(nn.Module):
    """Computes its calls in turn and weighs all that was computed last.

    Args:
        calls: Names of ``OPERATIONS`` and places of operands.
        seed: Of the weights.
    """

    def __init__(self, calls: list[Call], seed: int) -> None:
        super().__init__()
        self.calls, self.layers_of = calls, nn.ModuleDict()
        self.again: dict[int, str] = {}
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            values = [torch.randn(3, 2, SIZE, SIZE)]
            for place, call in enumerate(calls):
                channels = values[call.operands[0]].shape[1]
                if call.name in LAYERS:
                    self.layers_of[str(place)] = LAYERS[call.name](channels).eval()
                elif call.name == "again":
                    self.again[place] = name = f"again{channels}"
                    if name not in self.layers_of:
                        self.layers_of[name] = nn.Conv2d(channels, channels, 3, padding=1)
                values.append(self._result(place, values))
            self.head = nn.Linear(values[-1].flatten(1).shape[1], 3)
            for norm in self.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.running_mean.normal_(std=0.3)
                    norm.running_var.uniform_(0.5, 2)

    def _result(self, place: int, values: list[Tensor]) -> Tensor:
        call = self.calls[place]
        operands = [values[operand] for operand in call.operands]
        if call.name in LAYERS:
            return self.layers_of[str(place)](operands[0])
        if call.name == "again":  # one layer for all values of so many channels
            return self.layers_of[self.again[place]](operands[0])
        return FUNCTIONS[call.name](*operands)

    def forward(self, inputs: Tensor) -> Tensor:
        values = [inputs]
        for place in range(len(self.calls)):
            values.append(self._result(place, values))
        return self.head(values[-1].flatten(1))


LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "conv": lambda channels: nn.Conv2d(channels, 3, 3, padding=1),
    "pointwise": lambda channels: nn.Conv2d(channels, 4, 1, bias=False),
    "depthwise": lambda channels: nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
    "transposed": lambda channels: nn.ConvTranspose2d(channels, 3, 3, padding=1),
    "norm": lambda channels: nn.BatchNorm2d(channels),
    "group norm": lambda channels: nn.GroupNorm(1, channels),
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": torch.relu,
    "relu6": functional.relu6,
    "leaky": lambda x: functional.leaky_relu(x, 0.1),
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hard": functional.hardtanh,
    "absolute": torch.abs,
    "bell": lambda x: torch.exp(-x * x),
    "cut off": lambda x: x.clamp(min=-0.5),
    "negative": lambda x: -x,
    "scaled": lambda x: 0.3 * x,
    "shifted": lambda x: x + 0.5,
    "max pool": lambda x: functional.max_pool2d(x, 3, stride=1, padding=1),
    "avg pool": lambda x: functional.avg_pool2d(x, 3, stride=1, padding=1),
    "centred": lambda x: x - x.mean((2, 3), keepdim=True),
    "half": lambda x: x[:, : (x.shape[1] + 1) // 2],
    "turned": lambda x: x.transpose(2, 3),
    "reshaped": lambda x: x.flatten(2).unflatten(2, (SIZE, SIZE)),
    "softmax": lambda x: x.softmax(1),
    "sum": torch.add,
    "product": torch.mul,
    "both": lambda x, y: torch.cat([x, y], 1),
}

_TWO = ("sum", "product", "both")


@st.composite
def networks(draw: st.DrawFn) -> RandomNetwork:
    """Up to eight operations, at least one with weights, with skips."""
    channels = [2]
    calls: list[Call] = []
    for _ in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from([*LAYERS, *FUNCTIONS, "again", "again", "again"]))
        first = draw(st.integers(max(0, len(channels) - 3), len(channels) - 1))
        operands = (first,)
        if name in _TWO:
            fitting = [place for place, count in enumerate(channels) if name == "both" or count == channels[first]]
            operands = (first, draw(st.sampled_from(fitting)))
        calls.append(Call(name, operands))
        given = channels[first]
        made = {"conv": 3, "pointwise": 4, "transposed": 3, "half": (given + 1) // 2}.get(name, given)
        channels.append(made + channels[operands[1]] if name == "both" else made)
    return RandomNetwork(calls, draw(st.integers(0, 2**16))).eval()
