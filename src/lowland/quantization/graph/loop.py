"""A body of steps repeated along time, its results fed back as states: the same for floats, codes and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.quantization.graph.step import INPUTS


@dataclass(frozen=True)
class Loop:
    """How a body is repeated: it takes one place of a sequence (``inputs``) and the states that it gave before.

    Attributes:
        states: The body's step that gives each state, by the name under which the body takes the state's last value.
        result: The state that is handed on at every place, by the name under which the body takes it.
        size: Numbers in each state; before the first place all are 0.
        reverse: Whether the last place comes first.
        padding: The mark of places that leave the states as they are, where marks are given.
    """

    states: Mapping[str, str]
    result: str
    size: int
    reverse: bool = False
    padding: int | None = None

    @property
    def shown(self) -> str:
        """The body's step whose results are handed on."""
        return self.states[self.result]


Place = int | slice
"""A place of a sequence, or all of them."""

Compute = Callable[[str, list[Tensor], Place], Tensor]
"""A step's result from its name, what it takes and where."""


def computed_ahead(inputs_of: Mapping[str, Sequence[str]], elsewhere: Iterable[str]) -> tuple[str, ...]:
    """The steps of a body that no state comes into, which can be computed for all places at once.

    Args:
        inputs_of: Names of what each step takes, in an order in which they can be computed.
        elsewhere: Steps that work on the last dimension or on single numbers, whatever the dimensions before.
    """
    able, found = set(elsewhere), [INPUTS]
    for name, sources in inputs_of.items():
        if name in able and all(source in found for source in sources):
            found.append(name)
    return tuple(found[1:])


def scanned(
    loop: Loop,
    inputs_of: Mapping[str, Sequence[str]],
    compute: Compute,
    values: Sequence[Tensor],
    ahead: Sequence[str] = (),
    wanted: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """What a body computes along a sequence.

    Args:
        loop: How the body is repeated.
        inputs_of: Names of what each step of the body takes, in an order in which they can be computed.
        compute: The body's steps.
        values: The sequence [rows, places, ...] and, where places are padded, their marks [rows, places].
        ahead: See ``computed_ahead``.
        wanted: The steps whose results are kept; all without it.

    Returns:
        [rows, places, ...] by name of step, in the order of time in the sequence; states where padding has kept them.
    """
    sequence, *marks = values
    padded = torch.eq(marks[0], loop.padding) if marks and loop.padding is not None else None
    whole = {INPUTS: sequence}
    for name in ahead:
        whole[name] = compute(name, [whole[source] for source in inputs_of[name]], slice(None))
    states = dict.fromkeys(loop.states, sequence.new_zeros(len(sequence), loop.size))
    along = [name for name in inputs_of if name not in whole]
    found: dict[str, list[Tensor]] = {name: [] for name in along if wanted is None or name in wanted}
    places = range(sequence.shape[1])
    for place in reversed(places) if loop.reverse else places:
        at: dict[str, Any] = {name: value[:, place] for name, value in whole.items()} | states
        for name in along:
            at[name] = compute(name, [at[source] for source in inputs_of[name]], place)
        for state, source in loop.states.items():
            if padded is not None:
                at[source] = torch.where(padded[:, place, None], states[state], at[source])
            states[state] = at[source]
        for name, value in found.items():
            value.append(at[name])
    del whole[INPUTS]
    kept = {name: value for name, value in whole.items() if wanted is None or name in wanted}
    return kept | {name: torch.stack(value[::-1] if loop.reverse else value, 1) for name, value in found.items()}


def before(states: Tensor, *, reverse: bool = False) -> Tensor:
    """The states that each place takes: those of the place before, zeros at the first.

    Args:
        states: What each place gives, [rows, places, size].
        reverse: See ``Loop``.
    """
    first = torch.zeros_like(states[:, :1])
    return torch.cat([states[:, 1:], first] if reverse else [first, states[:, :-1]], dim=1)
