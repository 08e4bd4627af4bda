"""What the engineer asks of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from lowland.analysis.criteria import CLEAN, Criterion
from lowland.analysis.score import Score
from lowland.decision.quantities import criterion_of, mixture_of
from lowland.errors import did_you_mean
from lowland.selection import Axes, Misfit, or_word

MEAN = "mean"
SHARES_TOLERANCE = 1e-6
Limit = Annotated[float, Field(allow_inf_nan=False)]


class Circumstance(BaseModel):
    """Under what a measure is taken.

    Attributes:
        condition: Under which it is taken: a noise, a sensor fault, an attack, flipped bits, a shifted set ... Without
            it the rows are undisturbed.
        target: What the condition hits, such as ``weights``; without it the whole. Float networks are asked about the
            same part of their float32 words.
        level: One of those that the study measures the condition at, or ``mean`` over all of them; none where there are
            no levels (half-lives, shifted sets).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str = ""
    target: str = ""
    level: Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["mean"], or_word(MEAN)] | None = None

    def measured(self, score: Score, measure: str) -> Criterion:
        """A measure under it, to be read from the long table.

        Args:
            score: Of the task.
            measure: Its name in the long table.
        """
        level = self.level if isinstance(self.level, float) else None
        return criterion_of(score, measure, self.condition, self.target, level=level)


class MixturePart(Circumstance):
    """One circumstance of an environment.

    Attributes:
        share: Of the time, above 0 and below 1.
    """

    share: Annotated[float, Field(gt=0, lt=1)]

    @property
    def circumstance(self) -> Circumstance:
        """Without the share."""
        return Circumstance(condition=self.condition, target=self.target, level=self.level)


class Quantity(Circumstance):
    """One number of a configuration: a measure under a condition, on undisturbed rows, or in a mixture of these.

    Attributes:
        measure: Any measure of the long table that is of one network; ``score`` is the task's own (accuracy, EMD ...).
        mixture: In place of a condition: an environment of one's own, as circumstances with their shares of the time,
            which sum to 1. What counts is the mean of the measure over them.
    """

    measure: str = CLEAN
    mixture: tuple[MixturePart, ...] = ()

    @model_validator(mode="after")
    def _mixes_what_can_be_mixed(self) -> Self:
        if not self.mixture:
            return self
        if self.condition or self.target or self.level is not None:
            raise ValueError("mixture is given beside condition, target or level; expected these in its parts")
        if len({part.circumstance for part in self.mixture}) < max(2, len(self.mixture)):
            raise ValueError("mixture has one part, or one twice; expected at least two that differ")
        if abs((total := sum(part.share for part in self.mixture)) - 1) > SHARES_TOLERANCE:
            raise ValueError(f"mixture has shares that sum to {total:g}; expected 1")
        if self.measure == "half_life":
            raise ValueError("mixture is of half_life, which is a level and not what is left at one; expected another")
        return self

    def named(self, score: Score) -> str:
        """Its measure by the name in the long table."""
        return score.name if self.measure == CLEAN else self.measure

    def criterion(self, score: Score) -> Criterion:
        """The same, to be read from the long table.

        Args:
            score: Of the task.
        """
        if not self.mixture:
            return self.measured(score, self.named(score))
        parts = [(part.measured(score, self.named(score)), part.share) for part in self.mixture]
        return mixture_of(score, self.named(score), parts)


class Requirement(Quantity):
    """A quantity with its limit: exactly one of the two.

    Attributes:
        at_least: What it must reach.
        at_most: What it must not exceed.
    """

    at_least: Limit | None = None
    at_most: Limit | None = None

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            given = "neither at_least nor at_most" if self.at_least is None else "both at_least and at_most"
            raise ValueError(f"{given} is given; expected one of them, and another requirement for a second limit")
        return self

    @property
    def side(self) -> Literal["at_least", "at_most"]:
        """Which limit it has."""
        return "at_most" if self.at_least is None else "at_least"

    @property
    def limit(self) -> float:
        """The limit itself."""
        limit = self.at_most if self.at_least is None else self.at_least
        assert limit is not None  # validated
        return limit

    def criterion(self, score: Score) -> Criterion:
        """The same, to be read from the long table, in the direction of its limit.

        Args:
            score: Of the task.
        """
        return super().criterion(score).towards("high" if self.side == "at_least" else "low")


def _by_measure(value: Any) -> Any:
    """A measure's name alone stands for it on undisturbed rows."""
    return {"measure": value} if isinstance(value, str) else value


class Requirements(BaseModel):
    """What a configuration of one task must hold, and what decides among those that do.

    Attributes:
        needs: Any number of quantities, each with ``at_least`` or ``at_most``.
        prefer: Quantities that decide, most important first; the name of a measure stands for it on undisturbed rows.
            Whatever may be the best on the first (sizes: within 1 %) is told apart by the second, and so on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs: tuple[Requirement, ...] = ()
    prefer: tuple[Annotated[Quantity, BeforeValidator(_by_measure)], ...] = Field(
        default=(CLEAN, "size"), min_length=1, validate_default=True
    )

    def demands(self, score: Score) -> list[tuple[str, Criterion, float]]:
        """Every requirement as (its parameter's name, what is measured, the limit).

        Args:
            score: Of the task.
        """
        return [(f"needs[{i}]", need.criterion(score), need.limit) for i, need in enumerate(self.needs)]

    def preferences(self, score: Score) -> list[Criterion]:
        """What ``prefer`` names, as criteria.

        Args:
            score: Of the task.
        """
        return [quantity.criterion(score) for quantity in self.prefer]


class TaskRequirements(RootModel[dict[str, Requirements]]):
    """What is asked of each task, by its name; a task without an entry is asked nothing."""

    model_config = ConfigDict(frozen=True)

    def of(self, task: str) -> Requirements:
        """What is asked of one task."""
        return self.root.get(task, Requirements())

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Tasks that are not studied."""
        for name in self.root:
            if name not in axes.tasks:
                yield (
                    name,
                    f"is wrong: requirements names {name!r}, which is no task of this study; expected some of "
                    f"{', '.join(axes.tasks)}{did_you_mean(name, axes.tasks)}",
                )
