"""What stands for the values of a network while its calls are turned into nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import Tensor

from lowland.errors import LowlandError


class Rows(int):
    """The number of rows, or of rows times a number of places: no shape may depend on it in any other way.

    Args:
        value: For the example.
        places: How many places of each row are counted.
    """

    places: int

    def __new__(cls, value: int, places: int = 1) -> Rows:
        """The number for the example."""
        rows = super().__new__(cls, value)
        rows.places = places
        return rows

    def __mul__(self, other: int) -> int:
        """With so many places in each row."""
        return int(self) * other if isinstance(other, Rows) else Rows(int(self) * other, self.places * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> int:
        """With so many times fewer."""
        if isinstance(other, Rows) or self.places % other:
            return int(self) // other
        return Rows(int(self) // other, self.places // other)


@dataclass(frozen=True)
class Wire:
    """A value of the traced network.

    Attributes:
        name: Of the node that makes it.
        example: What it is for some rows, or ``None`` where there is no example.
        merged: How many dimensions behind the rows the network counts among the rows; the example keeps them apart.
    """

    name: str
    example: Tensor | None
    merged: int = 0


class Sizes:
    """The shape of a value without an example: only its rows are known."""

    def __init__(self, needs_example: Callable[[], NoReturn]) -> None:
        self._needs_example = needs_example

    def __getitem__(self, index: Any) -> Rows:
        if index == 0:
            return Rows(0)
        self._needs_example()


class LastStates(tuple[Wire, ...]):
    """The last states of recurrent layers, [layers, rows, ...] in torch: one wire each, picked by its place.

    Args:
        place: Where they come from, for messages.
        wires: None for cell states, which stay inside.
    """

    def __new__(cls, place: str, wires: Iterable[Wire] = ()) -> LastStates:
        """A tuple of the wires."""
        states = super().__new__(cls, wires)
        states.place = place
        return states

    place: str

    def __getitem__(self, index: Any) -> Any:
        if not self:
            raise LowlandError(
                f"{self.place} of the network hands on its cell state; expected its hidden states alone: out, or h[-1]"
            )
        if isinstance(index, tuple) and index and all(part == slice(None) for part in index[1:]):
            index = index[0]
        if not isinstance(index, int):
            raise LowlandError(self.refusal(self.place))
        return super().__getitem__(index)

    @property
    def only(self) -> Wire:
        """The one that there is.

        Raises:
            LowlandError: There are several.
        """
        if len(self) > 1:
            raise LowlandError(self.refusal(self.place))
        return self[0]

    @staticmethod
    def refusal(place: str) -> str:
        """Why they are not taken together.

        Args:
            place: Where they are.
        """
        return f"{place} of the network takes all last states at once; expected one of them by its place, h[-1]"
