"""What a search found, and how it came to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from lowland.worst_case.policies import StaticPolicy
from lowland.worst_case.search.space import Widths

SearchStatus = Literal["spent", "complete", "converged"]


@dataclass(frozen=True)
class Evaluation:
    """One policy that was evaluated.

    Attributes:
        number: 1 for the first.
        widths: Bits by layer, in the order of the layers.
        drop: Mean harm beyond none: for accuracy the score lost.
        best: Drop of the best policy so far, this one included.
    """

    number: int
    widths: Widths
    drop: float
    best: float


@dataclass(frozen=True)
class SearchResult:
    """The best policy that a search found.

    Attributes:
        policy: It.
        drop: Its mean harm beyond none, on the rows that it was searched on.
        evaluations: How many policies were evaluated, each counted once.
        history: All of them, in order.
        status: ``spent`` when the evaluations ran out, ``complete`` when every policy that meets the budget was
            evaluated, so that this is the optimum, ``converged`` when the agent had no other policy to ask for.
    """

    policy: StaticPolicy
    drop: float
    evaluations: int
    history: tuple[Evaluation, ...]
    status: SearchStatus

    @property
    def document(self) -> dict[str, Any]:
        """Status, drop and every evaluation, jsonable."""
        return {"status": self.status, "drop": self.drop, "history": [asdict(each) for each in self.history]}

    def best_after(self, evaluations: int) -> float:
        """Drop of the best policy after so many evaluations, or after all where the search ended before."""
        return self.history[min(evaluations, len(self.history)) - 1].best
