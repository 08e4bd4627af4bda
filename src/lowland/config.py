"""The study's parameters as one frozen object: wrong values fail here, before any node runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lowland.analysis.score import Score
from lowland.analysis.screening.options import ScreeningOptions
from lowland.architectures import build_network
from lowland.certification.statements.options import CertificationOptions
from lowland.config_errors import TOGETHER, SaysWhere, lines_of, named
from lowland.decision.requirement_checks import unmeasurable
from lowland.decision.requirements import TaskRequirements
from lowland.disagreement.options import DisagreementOptions
from lowland.errors import LowlandError, MistakesError
from lowland.faults.flip_map_options import FlipMapOptions
from lowland.faults.options import MemoryFaultOptions
from lowland.given_axes import misfits_of_given
from lowland.landscape.options import LandscapeDetailOptions, LandscapeOptions
from lowland.measurable import measurable
from lowland.measurements import WITH_CODES, WORST_CASE
from lowland.own_code import in_own_code
from lowland.perturbation import (
    AttackOptions,
    ImageCorruptionOptions,
    InputNoiseOptions,
    SensorFaultOptions,
    TokenCorruptionOptions,
)
from lowland.quantization import Precision, QuantizationOptions
from lowland.quantization.precision import BIAS_BITS
from lowland.retraining.options import RetrainingOptions
from lowland.robustness import HalfLifeOptions
from lowland.robustness.label_shift import LabelShiftOptions
from lowland.selection import NOTHING, ONE_MESSAGE, Axes, ChecksAxes, Misfit, TaskFacts, unknown_names
from lowland.tasks import Task, TaskOptions, build_task
from lowland.training import Recipe, TrainingPlan
from lowland.worst_case.diagnosis.options import DiagnosisOptions
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.per_input.options import InputPolicyOptions
from lowland.worst_case.protection.options import ProtectionOptions
from lowland.worst_case.students.options import StudentOptions

PAIRS = "pairs"  # reserved: what compares two seeds lives in that namespace
RESERVED = (PAIRS, WORST_CASE, "summary")  # students of a run live at `worst_case`, beside its cells


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
    corruptions: ImageCorruptionOptions
    label_shift: LabelShiftOptions
    token_corruptions: TokenCorruptionOptions
    attacks: AttackOptions
    faults: MemoryFaultOptions
    half_life: HalfLifeOptions
    flip_map: FlipMapOptions
    disagreement: DisagreementOptions
    retraining: RetrainingOptions
    certification: CertificationOptions
    worst_case: WorstCaseOptions
    worst_case_protection: ProtectionOptions
    worst_case_diagnosis: DiagnosisOptions
    worst_case_inputs: InputPolicyOptions
    worst_case_students: StudentOptions
    screening: ScreeningOptions
    requirements: Annotated[TaskRequirements, BeforeValidator(lambda asked: {} if asked in NOTHING else asked)]

    @property
    def parts(self) -> tuple[object, ...]:
        """Its axes and options, one by one, and what stands on the axis of precisions."""
        return (*(getattr(self, name) for name in type(self).model_fields), *self.precisions.values())

    @property
    def deployed(self) -> tuple[str, ...]:
        """Precisions whose networks have codes."""
        return tuple(name for name, precision in self.precisions.items() if precision.method in WITH_CODES)

    @property
    def axes(self) -> Axes:
        """What options are checked against."""
        tasks = {name: build_task(options) for name, options in self.tasks.items()}
        scores = {name: Score.named(task.score_name) for name, task in tasks.items()}
        return Axes(
            tasks={
                name: TaskFacts(
                    task.num_outputs,
                    task.score_name,
                    scores[name].units,
                    scores[name].is_share,
                    task.is_classifier,
                    task.input_kind,
                    self.tasks[name].extra_sets,
                    self.tasks[name].test_rows,
                    task.has_vocabulary,
                )
                for name, task in tasks.items()
            },
            recipes=tuple(self.recipes),
            seeds=tuple(self.seeds),
            precisions=tuple(self.precisions),
            deployed={name: self.precisions[name].most_weight_bits for name in self.deployed},
            smallest=self._smallest(tasks),
        )

    def _smallest(self, tasks: Mapping[str, Task]) -> tuple[str, int] | None:
        """The cell with the fewest bits and the most that it can have; how wide a table is, parameters may not say."""
        sizes: dict[str, int] = {}
        for name, task in tasks.items():
            try:
                with in_own_code(f"tasks.{name}") if self.tasks[name].own_code else nullcontext():
                    parameters = list(build_network(task.network_spec()).parameters())
            except LowlandError:
                continue
            for precision in self.deployed:
                width = self.precisions[precision].most_weight_bits
                bits = sum(each.numel() * (width if each.ndim > 1 else BIAS_BITS) for each in parameters)
                sizes[f"{name} at {precision}"] = bits
        return min(sizes.items(), key=lambda item: item[1]) if sizes else None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        axes = self.axes
        problems = list(_axes(self))
        for where, options in _parts(self):
            if isinstance(options, ChecksAxes):
                problems += [(f"{where}.{option}", what) for option, what in options.misfits(axes)]
        if problems:
            text = "; ".join(f"{where} {what}" for where, what in problems)
            raise PydanticCustomError(TOGETHER, "{text}", {"text": text, "problems": problems})
        return self


def _parts(study: Study) -> Iterator[tuple[str, Any]]:
    """All parameters by name; of an axis its members."""
    for name in type(study).model_fields:
        value = getattr(study, name)
        if isinstance(value, dict):
            yield from ((f"{name}.{member}", options) for member, options in value.items())
        else:
            yield name, value


def _axes(study: Study) -> Iterator[Misfit]:
    yield from misfits_of_given(study.tasks, study.recipes, study.seeds, study.precisions)
    if len(set(study.seeds.values())) < len(study.seeds):
        yield "seeds", f"are {study.seeds}; equal numbers would repeat the same training, not vary it"
    if study.qat_recipes != "all":
        yield from unknown_names("qat_recipes", study.qat_recipes, known=study.recipes, or_all=True)


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
    """Requirements that cannot be met or are about what is not measured."""
    for name, requirements in study.requirements.root.items():
        task = build_task(study.tasks[name])
        planned, score = measurable(study.parts, task), Score.named(task.score_name)
        for option, what in unmeasurable(requirements, planned=planned, score=score):
            yield f"{named(f'requirements.{name}.{option}', origins)} {what}"
