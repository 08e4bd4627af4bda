"""Which cells get a map of all single flips, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from lowland.selection import NONE_IS_NOTHING, ONE_MESSAGE, Axes, Selection
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
        rows: Test samples that every flip is measured on, and landscape samples that rankings see; or ``all``. With a
            ``standard_error``, samples that are added at a time.
        standard_error: Samples are added until the standard error of the mean rise of the loss is at most this part of
            it (0.05: five per cent), or there are none left; ``none``: ``rows`` of them.
        max_rows: The most samples, where they are added; or ``all``.
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
    standard_error: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, NONE_IS_NOTHING] = None
    max_rows: Annotated[Annotated[int, Field(ge=10, strict=True)] | Literal["all"], ONE_MESSAGE] = "all"

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if isinstance(self.max_rows, int) and (self.rows == "all" or self.rows > self.max_rows):
            raise ValueError(f"max_rows is {self.max_rows}; expected at least rows, which is {self.rows}, or all")
        return self

    def planned(self) -> Iterator[Planned]:
        """What the map measures of a cell, where there is one."""
        if not (self.precisions and self.seeds):
            return
        rate = (self.bit_error_rate,)
        if self.standard_error is not None:
            yield Planned(family="bit_flip", measures=("bit_error_loss_slope",))
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
