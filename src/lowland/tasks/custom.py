"""A task that a user's own class supplies, named by dotted path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from lowland.errors import MistakesError, did_you_mean
from lowland.own_code import NETWORK, OwnCodeError, call_own, own_object, said
from lowland.tasks.description import InputKind, Readings, ShiftedSet, check_set_names
from lowland.tasks.split_sizes import seen_from
from lowland.tasks.task import Task
from lowland.vocabulary.measures import SCORES


class CustomOptions(BaseModel):
    """A class of yours, with the options that it takes; see docs/own.md.

    Attributes:
        task: Dotted path of a subclass of ``lowland.tasks.Task``: ``their_package.module:MyTask``.
        options: What the class's own ``Options`` say; paths among them are absolute, relative to the project, or
            relative to the folder that the environment variable ``LOWLAND_DATA`` names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["custom"]
    task: str
    options: dict[str, Any] = Field(default={}, validate_default=True)

    @field_validator("task")
    @classmethod
    def _is_a_task(cls, path: str) -> str:
        if found := class_mistakes(path):
            raise ValueError("; ".join(found))
        return path

    @field_validator("options")
    @classmethod
    def _are_of_the_class(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "task" not in info.data:
            return options
        # a ValidationError says where in the options, and pydantic hands that on
        chosen: BaseModel = own_object(info.data["task"]).Options.model_validate(options)
        return chosen.model_dump(mode="json")

    @model_validator(mode="after")
    def _declares_itself(self) -> Self:
        if found := declaration_mistakes(build_custom_task(self)):
            raise ValueError("; ".join(found))
        return self

    @property
    def chosen(self) -> BaseModel:
        """The options as the class's own record."""
        chosen: BaseModel = own_object(self.task).Options.model_validate(self.options)
        return chosen

    @property
    def own_code(self) -> tuple[str, ...]:
        """Dotted paths of the user's code that decides results: the class, what it inherits from, and its network."""
        classes = [each for each in own_object(self.task).__mro__ if _is_own(each.__module__)]
        paths = [self.task, *(f"{each.__module__}:{each.__name__}" for each in classes)]
        try:
            spec = build_custom_task(self).network_spec()
        except Exception:  # it takes the prepared samples; what is wrong with it, the trial says
            spec = {}
        return tuple(dict.fromkeys([*paths, *([spec["build"]] if spec.get("kind") == NETWORK else [])]))

    def resolved(self, root: Path) -> Self:
        """With paths found from the project's folder."""
        chosen = self.chosen
        if callable(own := getattr(chosen, "resolved", None)):
            chosen = own(root)
        paths = {name: value for name, value in chosen if isinstance(value, Path)}
        found = chosen.model_copy(update={name: seen_from(root, path) for name, path in paths.items()})
        return self.model_copy(update={"options": found.model_dump(mode="json")})


def build_custom_task(options: CustomOptions) -> Task:
    """The user's task.

    Raises:
        LowlandError: Its class cannot be made with these options.
    """
    task: Task = call_own(options.task, (options.chosen,), {}, given=f"options {options.options}")
    return task


def options_of(path: str, options: dict[str, Any]) -> CustomOptions:
    """The checked parameters of a user's task.

    Args:
        path: Dotted path of the class.
        options: What its ``Options`` say.

    Raises:
        MistakesError: A line for each mistake.
    """
    try:
        return CustomOptions(kind="custom", task=path, options=options)
    except ValidationError as error:
        raise MistakesError([_line(dict(detail), path) for detail in error.errors()]) from None


def _line(detail: dict[str, Any], path: str) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{where} is missing; give it under options"
    if detail["type"] == "extra_forbidden":
        known = own_object(path).Options.model_fields
        return f"{where} is no option of the class's Options{did_you_mean(detail['loc'][-1], known)}"
    return message if where in ("", "task") else f"{where}: got {detail['input']!r}; {message}"


def class_mistakes(path: str) -> list[str]:
    """All that a user's class lacks, before an object of it is made.

    Args:
        path: Dotted path.
    """
    try:
        found = own_object(path)
    except OwnCodeError as error:
        return [str(error)]
    if not (isinstance(found, type) and issubclass(found, Task)):
        return [f"{path} is no task; expected a class that inherits from lowland.tasks.Task (or Classifier)"]
    mistakes = []
    if absent := sorted(found.__abstractmethods__):
        mistakes.append(f"{path} lacks {', '.join(absent)}; see lowland.tasks.Task for what each returns")
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        mistakes.append(f"{path} has no options model; expected `Options = ` a pydantic.BaseModel class in its body")
    return mistakes


def declaration_mistakes(task: Task) -> list[str]:
    """All that is wrong with what a task says of itself, without its data."""
    return list(_mistaken(task, type(task).__name__))


def _mistaken(task: Task, name: str) -> Iterator[str]:
    score = getattr(task, "score_name", None)
    if score not in SCORES:
        yield f"{name}.score_name is {score!r}; expected one of {', '.join(SCORES)}{did_you_mean(score, SCORES)}"
    if not isinstance(decides := getattr(task, "is_classifier", None), bool):
        yield f"{name}.is_classifier is {decides!r}; expected True or False"
    if not (isinstance(text := getattr(task, "description", None), str) and text):
        yield f"{name}.description is {text!r}; expected a sentence on data and network for readers of the report"
    if task.input_kind not in (kinds := get_args(InputKind)):
        yield f"{name}.input_kind is {task.input_kind!r}; expected one of {', '.join(kinds)}"
    if not isinstance(readings := getattr(task, "readings", None), Readings):
        yield f"{name}.readings is {type(readings).__name__}; expected lowland.tasks.Readings"
    yield from _mistaken_sets(task.shifted_sets, f"{name}.shifted_sets")
    for attribute, is_right, expected in (
        ("num_outputs", lambda value: type(value) is int and value >= 1, "a whole number, at least 1"),
        ("sources", _are_paths, "a tuple of paths"),
        ("provenance", lambda value: value in ("shipped", "made", "downloaded"), "shipped, made or downloaded"),
    ):
        try:
            value = getattr(task, attribute)
        except Exception as error:
            yield f"{name}.{attribute} fails: {said(error)}"
        else:
            if not is_right(value):
                yield f"{name}.{attribute} is {value!r}; expected {expected}"


def _mistaken_sets(sets: Any, where: str) -> Iterator[str]:
    if not (isinstance(sets, tuple) and all(isinstance(each, ShiftedSet) for each in sets)):
        yield f"{where} is {sets!r}; expected a tuple of lowland.tasks.ShiftedSet"
        return
    try:
        check_set_names([each.name for each in sets], called="set")
    except ValueError as error:
        yield f"{where}: {error}"


def _are_paths(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, Path) for each in value)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] not in ("lowland", "builtins", "abc", "typing")
