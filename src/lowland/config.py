"""The study's parameters as one frozen object: wrong values fail here, before any node runs."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lowland.architectures import build_network
from lowland.config_errors import TOGETHER, SaysWhere, lines_of, named
from lowland.errors import LowlandError, MistakesError, did_you_mean
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
from lowland.quantization.precision import BIAS_BITS
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
    requirements: Annotated[TaskRequirements, BeforeValidator(lambda asked: {} if asked is None else asked)]

    @property
    def memory_faults(self) -> tuple[BitFlipOptions, BitFlipOptions]:
        """Both series of faults."""
        return self.bit_flips, self.other_faults

    @property
    def deployed(self) -> tuple[str, ...]:
        """Precisions whose networks have codes."""
        return tuple(name for name, precision in self.precisions.items() if precision.method != "float")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        checks = (_axes, _selections, _faults, _flips_that_exist, _floor, _requirements, _projections)
        if problems := [problem for check in checks for problem in check(self)]:
            text = "; ".join(f"{where} {what}" for where, what in problems)
            raise PydanticCustomError(TOGETHER, "{text}", {"text": text, "problems": problems})
        return self


Problem = tuple[str, str]
"""A parameter, and what is wrong with it."""


def _axes(study: Study) -> Iterator[Problem]:
    if len(set(study.seeds.values())) < len(study.seeds):
        yield "seeds", f"are {study.seeds}; equal numbers would repeat the same training, not vary it"
    for parameter, plan in (("training", study.training), ("fine_tuning", study.fine_tuning)):
        yield from _unknown(f"{parameter}.per_task", plan.per_task, known=study.tasks)
    if study.qat_recipes != "all":
        yield from _unknown("qat_recipes", study.qat_recipes, known=study.recipes, or_all=True)


def _selections(study: Study) -> Iterator[Problem]:
    seeds = len(study.seeds)
    for parameter, selection, known in (
        ("landscape_detail", study.landscape_detail, tuple(study.precisions)),
        ("flip_map", study.flip_map, study.deployed),
    ):
        if isinstance(selection.precisions, tuple):
            yield from _unknown(f"{parameter}.precisions", selection.precisions, known=known, or_all=True)
        if isinstance(selection.seeds, int) and selection.seeds > seeds:
            yield f"{parameter}.seeds", f"is {selection.seeds}; expected 0 to {seeds}, the seeds of this study, or all"
    pairs, there = study.landscape_detail.pairs, math.comb(seeds, 2)
    # One pair is the default, and one seed has none.
    if isinstance(pairs, int) and pairs > max(there, 1):
        yield "landscape_detail.pairs", f"is {pairs}; expected 0 to {there}, the pairs of {seeds} seeds, or all"


def _faults(study: Study) -> Iterator[Problem]:
    widest = max((study.precisions[name].weight_bits for name in study.deployed), default=0)
    for parameter, faults in (("bit_flips", study.bit_flips), ("other_faults", study.other_faults)):
        if study.deployed and "upsets" in faults.faults and faults.upset_length > widest:
            yield (
                f"{parameter}.upset_length",
                f"is {faults.upset_length}; expected at most {widest}, the width of the widest weights",
            )
    if twice := sorted(set(study.bit_flips.faults) & set(study.other_faults.faults)):
        yield "other_faults.faults", f"is wrong: bit_flips and other_faults both name {twice[0]!r}; expected it in one"


def _flips_that_exist(study: Study) -> Iterator[Problem]:
    """More flips than the smallest network can have bits; how wide a table is, parameters may not say."""
    smallest: dict[str, int] = {}
    for task, options in study.tasks.items():
        try:
            network = build_network(build_task(options).network_spec())
        except LowlandError:
            continue
        sizes = [(parameter.numel(), parameter.ndim > 1) for parameter in network.parameters()]
        for precision in study.deployed:
            width = study.precisions[precision].weight_bits
            smallest[f"{task} at {precision}"] = sum(n * (width if is_weight else BIAS_BITS) for n, is_weight in sizes)
    if not smallest:
        return
    cell = min(smallest, key=lambda name: smallest[name])
    for parameter, faults in (("bit_flips", study.bit_flips), ("other_faults", study.other_faults)):
        for flips in faults.counts:
            if faults.faults and flips > smallest[cell]:
                yield (
                    f"{parameter}.counts",
                    f"names {flips} flips; expected at most {smallest[cell]}, more bits than {cell} has room for",
                )


def _floor(study: Study) -> Iterator[Problem]:
    floor = study.half_life.floor
    if floor == "halfway":
        return
    tasks = {name: build_task(options) for name, options in study.tasks.items()}
    scores = {task.score_name: Score.named(task.score_name) for task in tasks.values()}
    if len(scores) > 1:
        yield (
            "half_life.floor",
            f"is {floor}; expected halfway: the tasks have scores of several kinds ({', '.join(scores)})",
        )
        return
    (score,) = scores.values()
    if score.is_share:
        # Who always names the most frequent class is right at least this often.
        outputs = {name: task.num_outputs for name, task in tasks.items()}
        name = min(outputs, key=lambda each: outputs[each])
        if not 1 / outputs[name] <= floor < 1:
            percent = f"; {floor:g} % is {floor / 100:g}" if 1 < floor < 100 else ""
            yield (
                "half_life.floor",
                f"is {floor:g}; expected halfway, or {1 / outputs[name]:.3g} (a guess among {outputs[name]} classes) "
                f"to less than 1 (perfect){percent}",
            )
    elif floor <= 0:
        yield (
            "half_life.floor",
            f"is {floor:g}; expected halfway, or more than 0 {score.units}, which is perfect".rstrip(),
        )


def _requirements(study: Study) -> Iterator[Problem]:
    for name in study.requirements.root:
        if name not in study.tasks:
            yield (
                f"requirements.{name}",
                f"is wrong: requirements names {name!r}, which is no task of this study; expected some of "
                f"{', '.join(study.tasks)}{did_you_mean(name, study.tasks)}",
            )


def _projections(study: Study) -> Iterator[Problem]:
    for name, recipe in study.recipes.items():
        projections = getattr(recipe.root, "num_projections", 1)
        for task, options in study.tasks.items():
            outputs = build_task(options).num_outputs
            if projections > outputs:
                yield (
                    f"recipes.{name}.num_projections",
                    f"is {projections}; expected 1 to {outputs}, the outputs of {task}",
                )


def _unknown(
    parameter: str, names: Iterable[str], *, known: Collection[str], or_all: bool = False
) -> Iterator[Problem]:
    """Names that are not on their axis."""
    for name in names:
        if name not in known:
            expected = f"expected some of {', '.join(known)}{', or all' * or_all}" if known else "there are none"
            yield parameter, f"names {name!r}; {expected}{did_you_mean(name, known)}"


def validate(raw: Mapping[str, Any], *, origins: SaysWhere | None = None) -> Study:
    """The validated study.

    Args:
        raw: The parameters as they were read.
        origins: Who gave which parameter, for messages.

    Raises:
        LowlandError: A line for each wrong parameter: its file, what came, what was expected.
    """
    try:
        study = Study.model_validate(dict(raw))
    except ValidationError as error:
        raise MistakesError(lines_of(error, Study, raw, origins)) from None
    if lines := list(_unmeasurable(study, origins)):
        raise MistakesError(lines)
    return study


def _unmeasurable(study: Study, origins: SaysWhere | None) -> Iterator[str]:
    """Requirements that cannot be met or are about what is not measured: the first of each task."""
    for name, requirements in study.requirements.root.items():
        task = build_task(study.tasks[name])
        try:
            check_measurable(
                requirements,
                task=name,
                score=Score.named(task.score_name),
                noise_levels=dict.fromkeys(study.input_noise.kinds, study.input_noise.levels),
                bit_error_rates=[
                    rate
                    for option in study.memory_faults
                    if "codes" in option.faults
                    for rate in option.bit_error_rates
                ],
                shifted_sets=[shifted.name for shifted in task.shifted_sets],
            )
        except LowlandError as error:
            where, _, rest = str(error).partition(" ")
            yield f"{named(where, origins)} {rest}"
