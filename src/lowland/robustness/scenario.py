"""A condition with the way to bring it about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from lowland.tasks import Samples
from lowland.vocabulary.conditions import Condition

Model = Callable[[Tensor], Tensor]


class Disturbed(NamedTuple):
    """A model and samples, one of which is disturbed.

    Attributes:
        model: Outputs [n, ...] of inputs [n, ...].
        samples: What it is evaluated on.
        also: Further measures of the disturbance itself, by name, per sample [n].
    """

    model: Model
    samples: Samples
    also: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Scenario:
    """A condition with the way to bring it about at every level and draw.

    Attributes:
        condition: What is done.
        levels: How strongly, in the condition's unit.
        draws: How often; 1 where chance has no part in it.
        at: The disturbed model or samples at a level, in a draw (counted from 0). Equal draws are of the same random
            numbers at every level.
        target: What is hit, a key of ``lowland.vocabulary.targets.TARGETS``; empty for the whole.
        undisturbed: The model that it is compared with, where that is not the subject's.
    """

    condition: Condition
    levels: tuple[float, ...]
    draws: int
    at: Callable[[float, int], Disturbed]
    target: str = ""
    undisturbed: Model | None = field(default=None)
