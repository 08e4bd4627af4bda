"""LSTM and GRU as a body of ordinary layers that is repeated along a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from lowland.quantization.graph.loop import Loop, Place, computed_ahead, scanned
from lowland.quantization.graph.operators import operator
from lowland.quantization.graph.step import INPUTS

Body = Mapping[str, tuple[tuple[str, ...], nn.Module]]
"""What each layer of a body takes, and the layer, by its name."""


class State(nn.Identity):
    """Where a state is rounded before it is fed back."""


class Recurrence(nn.Module):
    """One layer of an LSTM or GRU in one direction, in evaluation: [rows, places, features] -> [rows, places, hidden].

    Args:
        cell: A key of ``CELLS``.
        input: From features to the gates, in the order of torch.
        hidden: From the last hidden state to the gates.
        reverse: Whether the last place comes first.
        padding: The mark of places that leave the states as they are.
    """

    def __init__(
        self, cell: str, input: nn.Linear, hidden: nn.Linear, *, reverse: bool = False, padding: int | None = None
    ) -> None:
        super().__init__()
        self.cell = cell
        body = CELLS[cell](input, hidden)
        self.inputs_of = {name: inputs for name, (inputs, _) in body.items()}
        self.body = nn.ModuleDict({name: layer for name, (_, layer) in body.items()})
        self.loop = Loop({"last_h": "h", "last_c": "c"}, "last_h", hidden.in_features, reverse, padding)
        self._ahead = computed_ahead(self.inputs_of, ["input"])

    def forward(self, sequence: Tensor, *marks: Tensor) -> Tensor:
        """The hidden state at every place, in float.

        Args:
            sequence: [rows, places, features].
            marks: [rows, places], of which ``padding`` keeps the states.
        """

        def compute(name: str, given: list[Tensor], _: Place) -> Tensor:
            return self.body[name](*given)

        shown = self.loop.shown
        return scanned(self.loop, self.inputs_of, compute, (sequence, *marks), self._ahead, (shown,))[shown]


def lstm(input: nn.Linear, hidden: nn.Linear) -> Body:
    """The body of an LSTM; its gates are i, f, g, o as in torch, the cell state is ``c``."""
    size = hidden.in_features
    return {
        "input": ((INPUTS,), input),
        "hidden": (("last_h",), hidden),
        "gates": (("input", "hidden"), operator("add")),
        "gates_if": (("gates",), _part(0, 2 * size)),
        "gates_g": (("gates",), _part(2 * size, 3 * size)),
        "gates_o": (("gates",), _part(3 * size, 4 * size)),
        "sigmoid_if": (("gates_if",), nn.Sigmoid()),
        "tanh_g": (("gates_g",), nn.Tanh()),
        "sigmoid_o": (("gates_o",), nn.Sigmoid()),
        "i": (("sigmoid_if",), _part(0, size)),
        "f": (("sigmoid_if",), _part(size, 2 * size)),
        "kept": (("f", "last_c"), operator("multiply")),
        "added": (("i", "tanh_g"), operator("multiply")),
        "sum": (("kept", "added"), operator("add")),
        "c": (("sum",), State()),
        "tanh_c": (("c",), nn.Tanh()),
        "shown": (("sigmoid_o", "tanh_c"), operator("multiply")),
        "h": (("shown",), State()),
    }


def gru(input: nn.Linear, hidden: nn.Linear) -> Body:
    """The body of a GRU; its gates are r, z, n as in torch, which resets after the product; its memory is ``c``.

    h' = n + z (h - n), the memory h in wide codes; what is shown and multiplied with weights is rounded once more.
    """
    size = hidden.in_features
    return {
        "input": ((INPUTS,), input),
        "hidden": (("last_h",), hidden),
        "input_rz": (("input",), _part(0, 2 * size)),
        "hidden_rz": (("hidden",), _part(0, 2 * size)),
        "gates_rz": (("input_rz", "hidden_rz"), operator("add")),
        "sigmoid_rz": (("gates_rz",), nn.Sigmoid()),
        "r": (("sigmoid_rz",), _part(0, size)),
        "z": (("sigmoid_rz",), _part(size, 2 * size)),
        "hidden_n": (("hidden",), _part(2 * size, 3 * size)),
        "reset": (("r", "hidden_n"), operator("multiply")),
        "input_n": (("input",), _part(2 * size, 3 * size)),
        "gates_n": (("input_n", "reset"), operator("add")),
        "tanh_n": (("gates_n",), nn.Tanh()),
        "minus_n": (("tanh_n",), operator("rescale", factor=-1.0)),
        "change": (("last_c", "minus_n"), operator("add")),
        "kept": (("z", "change"), operator("multiply")),
        "sum": (("tanh_n", "kept"), operator("add")),
        "c": (("sum",), State()),
        "h": (("c",), State()),
    }


CELLS: dict[str, Callable[[nn.Linear, nn.Linear], Body]] = {"lstm": lstm, "gru": gru}
"""Bodies by name. They take the states ``last_h`` and ``last_c`` and give the next, ``h`` and ``c``."""

WIDE = ("change", "sum", "c")
"""What is rounded to codes as wide as those of cell states: memory, and the operands of sums that it is made of."""


def _part(start: int, stop: int) -> nn.Module:
    return operator("slice", dim=1, start=start, stop=stop)
