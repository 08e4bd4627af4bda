"""The study's parameters as one frozen object: wrong values fail here, before any node runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lowland.errors import LowlandError
from lowland.faults.options import BitFlipOptions
from lowland.landscape.options import LandscapeOptions
from lowland.perturbation import InputNoiseOptions
from lowland.quantization import Precision, QuantizationOptions
from lowland.summary.requirements import Requirements, check_measurable
from lowland.tasks import TaskOptions, build_task
from lowland.training import Recipe, TrainingOptions

PAIRS = "pairs"  # reserved as a seed's name: what compares two seeds lives in that namespace


def _checked_name(name: str) -> str:
    if name == PAIRS or not re.fullmatch(r"[a-z][a-z0-9_+-]*", name):
        raise ValueError(
            f"a name must start with a lower-case letter, hold lower-case letters, digits, '_', '+' and '-' only, "
            f"and not be {PAIRS!r}: it names folders and datasets"
        )
    return name


Name = Annotated[str, AfterValidator(_checked_name)]


class Study(BaseModel):
    """Everything that ``conf/<env>/parameters*.yml`` may say. Each part is documented beside the code it serves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["auto", "cuda", "mps", "cpu"]
    tasks: Annotated[dict[Name, TaskOptions], Field(min_length=1)]
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    seeds: Annotated[dict[Name, Annotated[int, Field(ge=0)]], Field(min_length=1)]
    precisions: Annotated[dict[Name, Precision], Field(min_length=1)]
    training: TrainingOptions
    fine_tuning: TrainingOptions
    quantization: QuantizationOptions
    landscape: LandscapeOptions
    input_noise: InputNoiseOptions
    bit_flips: BitFlipOptions
    requirements: Requirements


def validate(raw: Mapping[str, Any]) -> Study:
    """The validated study.

    Raises:
        LowlandError: One line: the first wrong parameter, what came, what was expected.
    """
    try:
        study = Study.model_validate(dict(raw))
    except ValidationError as error:
        raise LowlandError(_first_line(error)) from None
    check_measurable(
        study.requirements,
        noise_levels=dict.fromkeys(study.input_noise.kinds, study.input_noise.levels),
        bit_error_rates=study.bit_flips.bit_error_rates,
        shifted_sets=sorted({name for options in study.tasks.values() for name in build_task(options).shifted_sets}),
    )
    return study


def _first_line(error: ValidationError) -> str:
    first, count = error.errors()[0], error.error_count()
    parts = [str(part) for part in first["loc"]]
    where = ".".join(part for part in parts if part != "[key]")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] == "missing":
        text = f"parameter {where} is missing; add it to conf/base/parameters*.yml"
    elif first["type"] == "extra_forbidden":
        text = f"parameter {where} is not known; check its spelling"
    elif first["type"] == "too_short":
        text = f"parameter {where} is empty; expected at least one entry"
    else:
        text = f"parameter {where}: got {_shown(first['input'])}; {message}"
    return text + (f" (and {count - 1} more)" if count > 1 else "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
