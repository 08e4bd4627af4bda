"""What searches for policies for each input: it learns in rounds, so that it can stop between two of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import torch

from lowland.worst_case.per_input.input_problem import InputProblem
from lowland.worst_case.per_input.judgements import Judgements


class Learner(ABC):
    """An agent at work on one problem."""

    @abstractmethod
    def round(self, judge: Judgements, generator: torch.Generator) -> None:
        """Tries some policies.

        Args:
            judge: Of policies; it ends the search when the evaluations are spent.
            generator: Of everything that is drawn in this round.
        """

    @property
    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What has been learned: tensors, numbers and texts, in dicts and lists."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state."""


class InputAgent(ABC):
    """A way to search; its options are the fields of a frozen dataclass.

    Attributes:
        name: Its key in ``INPUT_AGENTS``.
        packages: That it needs and the usual installation does not have.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def learner(self, given: InputProblem, seed: int) -> Learner:
        """Begins with nothing learned.

        Args:
            given: What policies are searched for.
            seed: Of what is drawn at the beginning.
        """

    @property
    def spec(self) -> dict[str, Any]:
        """Name and options, jsonable."""
        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]  # subclasses are dataclasses
