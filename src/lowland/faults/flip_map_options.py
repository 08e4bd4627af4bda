"""Which cells get a map of all single flips, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field

from lowland.selection import ONE_MESSAGE, Axes, Selection
from lowland.vocabulary.planned import Planned

Ranking = Literal[
    "matched",
    "second_order",
    "first_order",
    "fkeras",
    "fkeras_pylandscape",
    "magnitude",
    "squared_change",
    "most_significant",
]
RANKINGS: tuple[str, ...] = get_args(Ranking)
ELSEWHERE = "truth_elsewhere"  # beside the rankings: the map itself, of other samples


class FlipMapOptions(Selection):
    """Which cells get a map of all single flips with its protection plan, and what is asked of it.

    Attributes:
        precisions: Names from the axis of precisions, of networks with codes; or how many of those, from the first; or
            ``all`` of those. ``none`` switches maps off.
        seeds: How many seeds, from the first; or ``all``.
        rows: Test samples that every flip is measured on, and landscape samples that rankings see; or ``all``.
        recall_counts: How many of the worst flips a ranking is asked for.
        bit_error_rate: That the protection plan is made for.
        tolerated_drop: What a plan may lose, from the clean score to the floor that it holds: of a share (accuracy) in
            its own units (0.01 is one point), of any other score relative to the clean one (0.01 is one per cent).
        simulation_draws: Random flip sets that check the plan.
        search_flips: Flips of the greedy search for the worst; 0 for none.
    """

    rows: Annotated[Annotated[int, Field(ge=10, strict=True)] | Literal["all"], ONE_MESSAGE]
    recall_counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rate: Annotated[float, Field(gt=0, lt=0.5)]
    tolerated_drop: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    simulation_draws: Annotated[int, Field(ge=2)]
    search_flips: Annotated[int, Field(ge=0)]

    def planned(self) -> Iterator[Planned]:
        """What the map measures of a cell, where there is one."""
        if not (self.precisions and self.seeds):
            return
        rate = (self.bit_error_rate,)
        yield Planned(family="bit_flip", measures=("bit_error_slope", "worst_flip_drop"))
        yield Planned(family="bit_flip", measures=("protected_bits", "protected_bits_simulated"), levels=rate)
        recalls, counts = ("ranking_recall", "ranking_recall_score"), tuple(map(float, self.recall_counts))
        for ranking in (*RANKINGS, ELSEWHERE):
            yield Planned(family="bit_flip", measures=recalls, condition=ranking, levels=counts)
        searched = tuple(map(float, range(1, self.search_flips + 1)))
        if self.search_flips:
            yield Planned(family="bit_flip", measures=("score_after_search",), levels=searched)

    @staticmethod
    def selectable(axes: Axes) -> tuple[str, ...]:
        """Float networks have no codes."""
        return tuple(axes.deployed)
