"""What the engineer asks of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lowland.errors import LowlandError
from lowland.summary.conditions import condition_label
from lowland.summary.criteria import ACCURACY, SIZE, Criterion

Preference = Literal["size", "accuracy", "accuracy_under_noise", "accuracy_under_bit_errors", "accuracy_under_shift"]


class UnderNoise(BaseModel):
    """At least this accuracy with noise of this kind and level (per cent) on the inputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    level: float = Field(gt=0, allow_inf_nan=False)
    accuracy: float = Field(ge=0, le=1)


class UnderBitErrors(BaseModel):
    """At least this accuracy when every stored bit is flipped with this probability."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(gt=0, le=1)
    accuracy: float = Field(ge=0, le=1)


class UnderShift(BaseModel):
    """At least this accuracy on a shifted data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    accuracy: float = Field(ge=0, le=1)


class Requirements(BaseModel):
    """What a configuration must hold, and what decides among those that do.

    Attributes:
        maximum_size: Bits that weights and biases may take.
        minimum_accuracy: On undisturbed test rows, between 0 and 1.
        minimum_accuracy_under_noise: Any number of (condition, level, accuracy).
        minimum_accuracy_under_bit_errors: Any number of (rate, accuracy).
        minimum_accuracy_under_shift: Any number of (condition, accuracy).
        prefer: What decides, most important first. Whatever ties on the first (intervals overlap; sizes within 1 %)
            is told apart by the second, and so on. The disturbed accuracies stand for the first requirement of
            their kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    maximum_size: float | None = Field(default=None, gt=0)
    minimum_accuracy: float | None = Field(default=None, ge=0, le=1)
    minimum_accuracy_under_noise: tuple[UnderNoise, ...] = ()
    minimum_accuracy_under_bit_errors: tuple[UnderBitErrors, ...] = ()
    minimum_accuracy_under_shift: tuple[UnderShift, ...] = ()
    prefer: tuple[Preference, ...] = Field(default=("accuracy", "size"), min_length=1)

    def demands(self) -> list[tuple[str, Criterion, float]]:
        """Every requirement as (its parameter's name, what is measured, the threshold)."""
        found: list[tuple[str, Criterion, float]] = []
        if self.maximum_size is not None:
            found.append(("maximum_size", SIZE, self.maximum_size))
        if self.minimum_accuracy is not None:
            found.append(("minimum_accuracy", ACCURACY, self.minimum_accuracy))
        for i, noise in enumerate(self.minimum_accuracy_under_noise):
            label = f"accuracy under {noise.level:g} % {condition_label(noise.condition)}"
            found.append(
                (
                    f"minimum_accuracy_under_noise[{i}]",
                    Criterion(
                        f"accuracy_{noise.condition}_{noise.level:g}",
                        label,
                        "noise",
                        "accuracy",
                        noise.condition,
                        noise.level,
                    ),
                    noise.accuracy,
                )
            )
        for i, bits in enumerate(self.minimum_accuracy_under_bit_errors):
            label = f"accuracy at bit error rate {bits.rate:g}"
            found.append(
                (
                    f"minimum_accuracy_under_bit_errors[{i}]",
                    Criterion(
                        f"accuracy_bit_error_rate_{bits.rate:g}",
                        label,
                        "bit_flip",
                        "accuracy",
                        "bit_error_rate",
                        bits.rate,
                    ),
                    bits.accuracy,
                )
            )
        for i, shift in enumerate(self.minimum_accuracy_under_shift):
            label = f"accuracy under {condition_label(shift.condition)}"
            found.append(
                (
                    f"minimum_accuracy_under_shift[{i}]",
                    Criterion(f"accuracy_{shift.condition}", label, "corruption", "accuracy", shift.condition),
                    shift.accuracy,
                )
            )
        return found

    def preferences(self) -> list[Criterion]:
        """What ``prefer`` names, as criteria.

        Raises:
            LowlandError: A disturbed accuracy is preferred and no requirement of its kind says at which level.
        """
        found = []
        for name in self.prefer:
            if name == "size":
                found.append(SIZE)
            elif name == "accuracy":
                found.append(ACCURACY)
            else:
                matching = [c for parameter, c, _ in self.demands() if parameter.startswith(f"minimum_{name}[")]
                if not matching:
                    raise LowlandError(
                        f"requirements.prefer names {name!r}, but requirements.minimum_{name} is empty; expected at "
                        f"least one entry there that says at which strength"
                    )
                found.append(matching[0])
        return found


def check_measurable(
    requirements: Requirements,
    *,
    noise_levels: Mapping[str, Sequence[float]],
    bit_error_rates: Sequence[float],
    shifted_sets: Sequence[str],
) -> None:
    """Refuses requirements about disturbances that the study will not measure, before it starts.

    Args:
        requirements: What is asked.
        noise_levels: Levels (per cent) by noise condition.
        bit_error_rates: The rates of the study.
        shifted_sets: Names of the shifted sets.

    Raises:
        LowlandError: Naming the parameter, what came, and what is measured.
    """
    requirements.preferences()
    for i, noise in enumerate(requirements.minimum_accuracy_under_noise):
        where = f"requirements.minimum_accuracy_under_noise[{i}]"
        if noise.condition not in noise_levels:
            raise LowlandError(f"{where}.condition is {noise.condition!r}; expected one of {sorted(noise_levels)}")
        _among(f"{where}.level", noise.level, noise_levels[noise.condition])
    for i, bits in enumerate(requirements.minimum_accuracy_under_bit_errors):
        _among(f"requirements.minimum_accuracy_under_bit_errors[{i}].rate", bits.rate, bit_error_rates)
    for i, shift in enumerate(requirements.minimum_accuracy_under_shift):
        if shift.condition not in shifted_sets:
            where = f"requirements.minimum_accuracy_under_shift[{i}].condition"
            raise LowlandError(f"{where} is {shift.condition!r}; expected one of {sorted(shifted_sets)}")


def _among(where: str, value: float, measured: Sequence[float]) -> None:
    if not any(abs(value - level) <= 1e-9 * abs(level) for level in measured):
        listed = ", ".join(f"{level:g}" for level in sorted(measured)) or "none"
        raise LowlandError(
            f"{where} is {value:g}, which is not measured; expected one of {listed}, or add it to the study"
        )
