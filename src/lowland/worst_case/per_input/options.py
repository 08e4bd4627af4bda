"""What the search for policies for each input may be told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lowland.errors import LowlandError
from lowland.selection import Selection, refuse_repeats
from lowland.worst_case.per_input.input_search import input_agent_of
from lowland.worst_case.per_input.observations import check_statistics
from lowland.worst_case.search.packages import check_packages

Count = Annotated[int, Field(ge=1, strict=True)]


class InputPolicyOptions(Selection):
    """Of which cells policies are searched that choose widths for each input; widths, mean and rows are `worst_case`'s.

    Attributes:
        precisions: Whose cells: names, how many from the first, `all`, or `none`.
        seeds: How many seeds, or `all`.
        agents: What searches: `cross_entropy` and `random` over tables, `ppo` and `a2c` over small networks.
        evaluations: How often each may compute all searching rows.
        over: Whether every `input` meets the mean for itself, or all `inputs` together.
        statistics: That tables and the restricted oracle tell inputs apart by: `largest`, `least`, `highest`,
            `mean_magnitude`, `crest`, `zeros`.
        bins: Of each of these statistics.
        least: Searching rows in each bin for the restricted oracle to tell them apart.
        labels: Whether harm is what the score loses; otherwise it is a decision that changes, which needs no labels.
    """

    agents: Annotated[tuple[str, ...], Field(min_length=1)]
    evaluations: Count
    over: Literal["input", "inputs"]
    statistics: tuple[str, ...]
    bins: Annotated[int, Field(ge=1, le=8, strict=True)]
    least: Count
    labels: bool

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        try:
            for agent in map(input_agent_of, self.agents):
                if self.precisions:
                    check_packages(agent)
            check_statistics(self.statistics)
        except LowlandError as error:
            raise ValueError(str(error)) from None
        refuse_repeats(agents=self.agents, statistics=self.statistics)
        return self
