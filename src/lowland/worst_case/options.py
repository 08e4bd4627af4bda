"""What the worst-case stage may be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.errors import LowlandError
from lowland.selection import NONE_SWITCHES_OFF
from lowland.vocabulary.planned import Planned
from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agents import agent_of
from lowland.worst_case.search.packages import check_packages


class WorstCaseOptions(BaseModel):
    """How the worst static bit policy of every cell is searched: by the score of classifiers, by the loss of others.

    Attributes:
        choices: Widths in bits that a policy may give to what a layer reads, rising; ``none`` switches the stage off.
        mean_bits: Least mean width of a policy, over all elements of a row that are coded.
        agent: What searches: ``greedy``, ``cross_entropy``, ``random``, ``exhaustive`` (small networks only) or ``ppo``
            (extra ``reinforcement``).
        evaluations: Most policies that are tried on a cell.
        rows: Most validation rows that a policy is searched on; it is reported on the held-out rows.
        runtime: Whose dynamic arithmetic, by row, float cells are given, with weights and activations in 8 bits.
        shifted: Whether what the policy costs is also measured on the shifted sets of a task.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    choices: Annotated[tuple[Annotated[int, Field(strict=True)], ...], NONE_SWITCHES_OFF]
    mean_bits: Annotated[float, Field(allow_inf_nan=False)]
    agent: str
    evaluations: Annotated[int, Field(ge=1, strict=True)]
    rows: Annotated[int, Field(ge=2, strict=True)]
    runtime: Literal["torchao", "litert"]
    shifted: Annotated[bool, Field(strict=True)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            agent = agent_of(self.agent)
            if self.choices:
                check_packages(agent)
                Budget(self.choices, self.mean_bits, elements=(1,))
        except LowlandError as error:
            raise ValueError(str(error)) from None
        return self

    def planned(self) -> Iterator[Planned]:
        """What is lost to the worst policy; single layers and shifted sets are known with network and task alone."""
        if self.choices:
            yield Planned(
                family="worst_case", measures=("policy_drop", "policy_broken"), levels=(float(self.mean_bits),)
            )
