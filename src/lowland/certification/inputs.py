"""The inputs that a statement is about: rows, or boxes around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError


@dataclass(frozen=True, eq=False)
class InputBox:
    """Every input between two ends, element by element; one box a row.

    Attributes:
        lower: [rows, ...] in float64.
        upper: Likewise, nowhere below ``lower``; equal to it where an input is fixed.

    Raises:
        LowlandError: Ends of different shapes, not finite or in the wrong order: an empty box.
    """

    lower: Tensor
    upper: Tensor

    def __post_init__(self) -> None:
        if self.lower.shape != self.upper.shape:
            raise LowlandError(
                f"the input box has ends of shapes {list(self.lower.shape)} and {list(self.upper.shape)}; "
                "expected the same shape"
            )
        for name in ("lower", "upper"):
            end = getattr(self, name)
            if not bool(end.isfinite().all()):
                raise LowlandError(f"the {name} end of the input box is not finite everywhere; expected numbers")
            object.__setattr__(self, name, end.detach().to(torch.float64))
        if bool((wrong := self.lower > self.upper).any()):
            place = wrong.nonzero()[0].tolist()
            raise LowlandError(
                f"the input box is empty at {place}: {float(self.lower[tuple(place)]):.6g} to "
                f"{float(self.upper[tuple(place)]):.6g}; expected the lower end first"
            )

    @classmethod
    def of(cls, inputs: Tensor | InputBox) -> InputBox:
        """The box itself, or fixed inputs [rows, ...] as boxes without extent."""
        return inputs if isinstance(inputs, InputBox) else cls(inputs, inputs)

    def __len__(self) -> int:
        return len(self.lower)

    def __getitem__(self, rows: slice | Tensor) -> InputBox:
        """The boxes of some rows."""
        return InputBox(self.lower[rows], self.upper[rows])

    @property
    def center(self) -> Tensor:
        """The middle of every box [rows, ...]."""
        return (self.lower + self.upper) / 2

    @property
    def is_fixed(self) -> bool:
        """Whether no input has any extent: the boxes are rows."""
        return bool((self.lower == self.upper).all())
