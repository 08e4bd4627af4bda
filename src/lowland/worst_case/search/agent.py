"""What searches for a policy: it names policies and is told what each gains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.packages import check_packages
from lowland.worst_case.search.space import Widths

Gain = Callable[[Widths], float]
"""What a policy that meets the budget gains for the goal: harm for the worst, harm avoided for the best. A policy that
was asked for before costs no evaluation. It ends the search by an exception when the evaluations are spent."""


class Agent(ABC):
    """A way to search; its options are the fields of a frozen dataclass.

    An agent does not know how many evaluations it has, so that a search of more begins with the one of fewer.

    Attributes:
        name: Its key in ``AGENTS``.
        packages: That it needs and the usual installation does not have.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()

    def check(self, budget: Budget, evaluations: int) -> None:
        """Refuses what the agent cannot do, before anything is computed.

        Raises:
            LowlandError: In one line.
        """
        check_packages(self)

    @abstractmethod
    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """Asks for policies until it has no more to ask for.

        Args:
            budget: What every policy meets.
            gain: What a policy gains.
            generator: Of everything that is drawn.
        """

    @property
    def spec(self) -> dict[str, Any]:
        """Name and options, jsonable."""
        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]  # subclasses are dataclasses
