"""The study's parameters as one frozen object: wrong values fail here, before any node runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lowland.errors import LowlandError
from lowland.faults.options import BitFlipOptions, FlipMapOptions
from lowland.landscape.options import LandscapeDetailOptions, LandscapeOptions
from lowland.perturbation import (
    AttackOptions,
    CorruptionOptions,
    HalfLifeOptions,
    InputNoiseOptions,
    SensorFaultOptions,
)
from lowland.quantization import Precision, QuantizationOptions
from lowland.selection import ONE_MESSAGE
from lowland.summary.requirements import TaskRequirements, check_measurable
from lowland.summary.score import Score
from lowland.tasks import TaskOptions, build_task
from lowland.training import Recipe, TrainingPlan

PAIRS = "pairs"  # reserved: what compares two seeds lives in that namespace
RESERVED = (PAIRS, "summary")


def _checked_name(name: str) -> str:
    if name in RESERVED or not re.fullmatch(r"[a-z][a-z0-9_+-]*", name):
        raise ValueError(
            f"a name must start with a lower-case letter, hold lower-case letters, digits, '_', '+' and '-' only, "
            f"and not be one of {', '.join(RESERVED)}: it names folders and datasets"
        )
    return name


Name = Annotated[str, AfterValidator(_checked_name)]


class Study(BaseModel):
    """Everything that ``conf/<env>/parameters*.yml`` may say. Each part is documented beside the code it serves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["auto", "cuda", "mps", "cpu"]
    tasks: Annotated[dict[Name, TaskOptions], Field(min_length=1)]
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    seeds: Annotated[dict[Name, Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)]
    precisions: Annotated[dict[Name, Precision], Field(min_length=1)]
    training: TrainingPlan
    fine_tuning: TrainingPlan
    qat_recipes: Annotated[tuple[Name, ...] | Literal["all"], ONE_MESSAGE]
    quantization: QuantizationOptions
    landscape: LandscapeOptions
    landscape_detail: LandscapeDetailOptions
    input_noise: InputNoiseOptions
    sensor_faults: SensorFaultOptions
    corruptions: CorruptionOptions
    attacks: AttackOptions
    bit_flips: BitFlipOptions
    other_faults: BitFlipOptions
    half_life: HalfLifeOptions
    flip_map: FlipMapOptions
    requirements: TaskRequirements

    @property
    def memory_faults(self) -> tuple[BitFlipOptions, BitFlipOptions]:
        """Both series of faults."""
        return self.bit_flips, self.other_faults

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.seeds.values())) < len(self.seeds):
            raise ValueError(f"seeds are {self.seeds}; equal numbers would repeat the same training, not vary it")
        for parameter, plan in (("training", self.training), ("fine_tuning", self.fine_tuning)):
            _check_names(f"{parameter}.per_task", plan.per_task, known=self.tasks)
        if self.qat_recipes != "all":
            _check_names("qat_recipes", self.qat_recipes, known=self.recipes, or_all=True)
        deployed = [name for name, precision in self.precisions.items() if precision.method != "float"]
        for parameter, selection, known in (
            ("landscape_detail", self.landscape_detail, list(self.precisions)),
            ("flip_map", self.flip_map, deployed),
        ):
            if selection.precisions != "all":
                _check_names(f"{parameter}.precisions", selection.precisions, known=known, or_all=True)
        widest = max((self.precisions[name].weight_bits for name in deployed), default=0)
        for faults in self.memory_faults:
            if "upsets" in faults.faults and faults.upset_length > widest:
                raise ValueError(
                    f"upset_length is {faults.upset_length}; expected at most {widest}, the width of the widest weights"
                )
        if twice := sorted(set(self.bit_flips.faults) & set(self.other_faults.faults)):
            raise ValueError(f"bit_flips and other_faults both name {twice[0]!r}; expected every fault in one of them")
        scores = dict.fromkeys(build_task(options).score_name for options in self.tasks.values())
        if self.half_life.floor != "halfway" and len(scores) > 1:
            raise ValueError(
                f"half_life.floor is {self.half_life.floor}; expected halfway: the tasks have scores of several kinds "
                f"({', '.join(scores)})"
            )
        for name in self.requirements.root:
            if name not in self.tasks:
                raise ValueError(
                    f"requirements names {name!r}, which is no task of this study; expected some of "
                    f"{', '.join(self.tasks)}, in requirements of the environment's own"
                )
        for name, recipe in self.recipes.items():
            projections = getattr(recipe.root, "num_projections", 1)
            for task, options in self.tasks.items():
                outputs = build_task(options).num_outputs
                if projections > outputs:
                    raise ValueError(
                        f"recipes.{name}.num_projections is {projections}; expected 1 to {outputs}, "
                        f"the outputs of {task}"
                    )
        return self


def _check_names(parameter: str, names: Iterable[str], *, known: Collection[str], or_all: bool = False) -> None:
    """Refuses a name that is not on its axis."""
    for name in names:
        if name not in known:
            raise ValueError(f"{parameter} names {name!r}; expected some of {', '.join(known)}{', or all' * or_all}")


def validate(raw: Mapping[str, Any]) -> Study:
    """The validated study.

    Raises:
        LowlandError: One line: the first wrong parameter, what came, what was expected.
    """
    try:
        study = Study.model_validate(dict(raw))
    except ValidationError as error:
        raise LowlandError(_first_line(error, raw)) from None
    for name, requirements in study.requirements.root.items():
        task = build_task(study.tasks[name])
        check_measurable(
            requirements,
            task=name,
            score=Score.named(task.score_name),
            noise_levels=dict.fromkeys(study.input_noise.kinds, study.input_noise.levels),
            bit_error_rates=[
                rate for option in study.memory_faults if "codes" in option.faults for rate in option.bit_error_rates
            ],
            shifted_sets=task.shifted_sets,
        )
    return study


def _first_line(error: ValidationError, raw: Mapping[str, Any]) -> str:
    first, count = error.errors()[0], error.error_count()
    where = ".".join(_written(first["loc"], raw, whole=first["type"] == "value_error"))
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] == "missing":
        text = f"parameter {where} is missing; add it to conf/base/parameters*.yml"
    elif first["type"] == "extra_forbidden":
        text = f"parameter {where} is not known; check its spelling"
    elif first["type"] == "too_short":
        text = f"parameter {where} is empty; expected at least one entry"
    elif first["type"].startswith("union_tag"):
        kind = first["input"].get("kind") if isinstance(first["input"], dict) else first["input"]
        expected = first.get("ctx", {}).get("expected_tags", "a name that says which recipe it is")
        text = f"parameter {where}.kind: got {kind!r}; expected {expected}"
    elif not where:
        text = f"parameters: {message}"
    else:
        text = f"parameter {where}: got {_shown(first['input'])}; {message}"
    return text + (f" (and {count - 1} more)" if count > 1 else "")


def _written(loc: tuple[str | int, ...], raw: Any, *, whole: bool) -> list[str]:
    """The path as it stands in the YAML: without the tags that pydantic adds for unions and keys.

    An error about a mapping as a ``whole`` can end in such a tag.
    """
    path, here = [], raw
    for position, part in enumerate(loc):
        if isinstance(here, Mapping) and here.get("kind") == part and position < len(loc) - 1:
            continue  # a tag, though there may be a field of that name
        inside = isinstance(here, Mapping) and part in here
        indexed = isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        if inside or indexed:
            here = here[part]
            path.append(str(part))
        elif position == len(loc) - 1 and part != "[key]" and not (whole and isinstance(here, Mapping)):
            path.append(str(part))
    return path


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
