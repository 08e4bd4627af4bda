"""What the engineer asks of a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lowland.errors import LowlandError, did_you_mean
from lowland.selection import Axes, Problem
from lowland.summary.conditions import condition_label
from lowland.summary.criteria import SIZE, Criterion, clean_criterion, disturbed_criterion
from lowland.summary.score import Score

Preference = Literal["size", "score", "score_under_noise", "score_under_bit_errors", "score_under_shift"]
Threshold = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Of a score: at least this where higher is better, at most this where lower is."""


class UnderNoise(BaseModel):
    """The score with noise on the inputs.

    Attributes:
        condition: A kind of ``input_noise`` that the study measures.
        level: Per cent, one of its levels.
        score: At least, or at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    level: float = Field(gt=0, allow_inf_nan=False)
    score: Threshold


class UnderBitErrors(BaseModel):
    """The score under random bit flips.

    Attributes:
        rate: Probability that a stored bit is flipped, one of the study's bit error rates.
        score: At least, or at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(gt=0, le=1)
    score: Threshold


class UnderShift(BaseModel):
    """The score on a shifted data set.

    Attributes:
        condition: Name of a shifted set of the task.
        score: At least, or at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    score: Threshold


class Requirements(BaseModel):
    """What a configuration of one task must hold, and what decides among those that do.

    Scores are those of the task: at least the number given where higher is better (accuracy, between 0 and 1), at most
    where lower is (EMD, in cells).

    Attributes:
        maximum_size: Bits that weights and biases may take.
        score: On undisturbed test rows.
        score_under_noise: Any number of (condition, level, score).
        score_under_bit_errors: Any number of (rate, score).
        score_under_shift: Any number of (condition, score).
        prefer: What decides, most important first. Whatever ties on the first (intervals overlap; sizes within 1 %)
            is told apart by the second, and so on. The disturbed scores stand for the first requirement of their kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    maximum_size: float | None = Field(default=None, gt=0)
    score: Threshold | None = None
    score_under_noise: tuple[UnderNoise, ...] = ()
    score_under_bit_errors: tuple[UnderBitErrors, ...] = ()
    score_under_shift: tuple[UnderShift, ...] = ()
    prefer: tuple[Preference, ...] = Field(default=("score", "size"), min_length=1)

    def demands(self, score: Score) -> list[tuple[str, Criterion, float]]:
        """Every requirement as (its parameter's name, what is measured, the threshold).

        Args:
            score: Of the task.
        """
        found: list[tuple[str, Criterion, float]] = []
        if self.maximum_size is not None:
            found.append(("maximum_size", SIZE, self.maximum_size))
        if self.score is not None:
            found.append(("score", clean_criterion(score), self.score))
        for i, noise in enumerate(self.score_under_noise):
            label = f"under {noise.level:g} % {condition_label(noise.condition)}"
            criterion = disturbed_criterion(score, "noise", noise.condition, label=label, level=noise.level)
            found.append((f"score_under_noise[{i}]", criterion, noise.score))
        for i, bits in enumerate(self.score_under_bit_errors):
            label = f"at bit error rate {bits.rate:g}"
            criterion = disturbed_criterion(score, "bit_flip", "bit_error_rate", label=label, level=bits.rate)
            found.append((f"score_under_bit_errors[{i}]", criterion, bits.score))
        for i, shift in enumerate(self.score_under_shift):
            criterion = disturbed_criterion(score, "shift", shift.condition)
            found.append((f"score_under_shift[{i}]", criterion, shift.score))
        return found

    def preferences(self, score: Score, *, where: str = "requirements") -> list[Criterion]:
        """What ``prefer`` names, as criteria.

        Args:
            score: Of the task.
            where: These requirements' own parameter, for the message.

        Raises:
            LowlandError: A disturbed score is preferred and no requirement of its kind says at which level.
        """
        found = []
        for name in self.prefer:
            if name == "size":
                found.append(SIZE)
            elif name == "score":
                found.append(clean_criterion(score))
            else:
                matching = [c for parameter, c, _ in self.demands(score) if parameter.startswith(f"{name}[")]
                if not matching:
                    raise LowlandError(
                        f"{where}.prefer names {name!r}, but {where}.{name} is empty; expected at least one entry "
                        f"there that says at which strength"
                    )
                found.append(matching[0])
        return found


class TaskRequirements(RootModel[dict[str, Requirements]]):
    """What is asked of each task, by its name; a task without an entry is asked nothing."""

    model_config = ConfigDict(frozen=True)

    def of(self, task: str) -> Requirements:
        """What is asked of one task."""
        return self.root.get(task, Requirements())

    def misfits(self, axes: Axes) -> Iterator[Problem]:
        """Tasks that are not studied."""
        for name in self.root:
            if name not in axes.tasks:
                yield (
                    name,
                    f"is wrong: requirements names {name!r}, which is no task of this study; expected some of "
                    f"{', '.join(axes.tasks)}{did_you_mean(name, axes.tasks)}",
                )


def check_measurable(
    requirements: Requirements,
    *,
    task: str,
    score: Score,
    noise_levels: Mapping[str, Sequence[float]],
    bit_error_rates: Sequence[float],
    shifted_sets: Sequence[str],
) -> None:
    """Refuses requirements that cannot be met or that the study will not measure, before it starts.

    Args:
        requirements: What is asked.
        task: Of which task, for the message.
        score: The task's.
        noise_levels: Levels (per cent) by noise condition.
        bit_error_rates: The rates of the study.
        shifted_sets: Names of the task's shifted sets.

    Raises:
        LowlandError: Naming the parameter, what came, and what is measured.
    """
    whole = f"requirements.{task}"
    requirements.preferences(score, where=whole)
    for parameter, criterion, threshold in requirements.demands(score):
        if criterion is not SIZE and score.is_share and threshold > 1:
            where = f"{whole}.{parameter}" + (".score" if parameter.endswith("]") else "")
            raise LowlandError(f"{where} is {threshold:g}; expected 0 to 1, what the {score.label} must be at least")
    for i, noise in enumerate(requirements.score_under_noise):
        where = f"{whole}.score_under_noise[{i}]"
        if noise.condition not in noise_levels:
            raise LowlandError(f"{where}.condition is {noise.condition!r}; {_expected(noise_levels)}")
        _among(f"{where}.level", noise.level, noise_levels[noise.condition])
    for i, bits in enumerate(requirements.score_under_bit_errors):
        _among(f"{whole}.score_under_bit_errors[{i}].rate", bits.rate, bit_error_rates)
    for i, shift in enumerate(requirements.score_under_shift):
        if shift.condition not in shifted_sets:
            where = f"{whole}.score_under_shift[{i}].condition"
            raise LowlandError(f"{where} is {shift.condition!r}; {_expected(shifted_sets)}")


def _expected(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f"expected one of {listed}" if listed else "this study measures none: remove the requirement"


def _among(where: str, value: float, measured: Sequence[float]) -> None:
    if not any(abs(value - level) <= 1e-9 * abs(level) for level in measured):
        listed = ", ".join(f"{level:g}" for level in sorted(measured)) or "none"
        raise LowlandError(
            f"{where} is {value:g}, which is not measured; expected one of {listed}, or add it to the study"
        )
