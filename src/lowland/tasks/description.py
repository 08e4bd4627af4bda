"""What the rest of the study knows of a task."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, RootModel, field_serializer, field_validator

from lowland.vocabulary.conditions import CONDITIONS, Condition, condition_named, is_general, shifted_set

Provenance = Literal["shipped", "made", "downloaded"]
"""A file of the project; made from files or by a simulation, and again when these change; fetched once."""

InputKind = Literal["features", "image", "tokens"]
"""Numbers that each have a meaning [n, features]; pixels [n, channels, height, width]; numbers of words [n, length]."""

Limits = tuple[float, float]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShiftedSet(_Record):
    """A shifted set of a task: rows from a changed world, or held-out ones spoiled; a condition of the long table.

    Attributes:
        name: Its condition.
        label: In figures and prose.
        explanation: A sentence for those who do not know the task; empty where the rows are the user's own.
    """

    name: str
    label: str
    explanation: str = ""

    @property
    def condition(self) -> Condition:
        """Its record."""
        return shifted_set(self.name, self.label, self.explanation)

    @classmethod
    def named(cls, name: str) -> ShiftedSet:
        """A user's own set, of which only the name is known."""
        return cls(name=name, label=name.replace("_", " "))


class CorruptedSet(_Record):
    """A shifted set that a corruption makes of the held-out images or texts of a task.

    Attributes:
        corruption: Name of its condition, of the family ``image_corruption`` or ``token_corruption``.
        severity: 1 (mild) to 5 of images, per cent of the words of texts.
    """

    corruption: str
    severity: int

    @property
    def name(self) -> str:
        """Of the set: the corruption at any severity is a condition of its own."""
        return f"{self.corruption}_{self.severity}"

    @property
    def shifted(self) -> ShiftedSet:
        """Its record among the shifted sets."""
        known = condition_named(self.corruption)
        told = f"{self.severity} %" if known.family == "token_corruption" else f"severity {self.severity}"
        return ShiftedSet(
            name=self.name,
            label=f"{known.label}, {told}",
            explanation=known.explanation,
        )


def check_set_names(names: Iterable[str], *, called: str) -> None:
    """Refuses a user's shifted sets that are called as what every study does: their rows would be mistaken for its.

    Args:
        names: Of the sets.
        called: What has the name in the user's data: ``set`` or ``group``.

    Raises:
        ValueError: A name that stands for a general condition.
    """
    for name in names:
        if is_general(name):
            raise ValueError(
                f"shifted names a {called} {name!r}, which is {condition_named(name).label} in every study; expected "
                f"another name: rename the {called}, say to '{name}_data'"
            )


class Readings(_Record):
    """What the sensors of a task deliver, in the units of its inputs.

    Attributes:
        unit: How much noise of 100 % is; None: the training standard deviation of each feature.
        extremes: Lowest and highest that a broken sensor shows (a working one may read more, as in the training rows);
            None: each feature's training minimum and maximum.
        limits: What no reading can be below or above.
    """

    unit: float | None = None
    extremes: Limits | None = None
    limits: Limits = (-math.inf, math.inf)

    @field_validator("limits", mode="before")
    @classmethod
    def _with_infinities(cls, limits: Any) -> Any:
        """The inverse of how they are written in JSON."""
        ends = zip(limits, (-math.inf, math.inf), strict=True)
        return tuple(infinite if end is None else end for end, infinite in ends)

    @field_serializer("limits", when_used="json")
    def _without_infinities(self, limits: Limits) -> list[float | None]:
        """Infinite limits have no number in JSON."""
        return [end if math.isfinite(end) else None for end in limits]


class TaskDescription(_Record):
    """All that the grid, the gathers and the report need to know of a task without its data.

    Attributes:
        text: A sentence on data and network for people who read the report.
        score: The headline score, one of ``lowland.vocabulary.measures.SCORES``.
        input_kind: What its inputs are; conditions that need another kind do not apply.
        readings: What its sensors deliver.
        shifted_sets: The natural ones and the corrupted ones.
        provenance: Where its raw table comes from.
    """

    text: str
    score: str
    input_kind: InputKind
    readings: Readings
    shifted_sets: tuple[ShiftedSet, ...]
    provenance: Provenance

    @property
    def meets(self) -> dict[str, bool]:
        """Families of conditions by name, and whether inputs of its kind can meet one of each."""
        found: dict[str, bool] = {}
        for condition in CONDITIONS.values():
            found[condition.family] = found.get(condition.family, False) or condition.applies_to(self.input_kind)
        return found

    @property
    def names_classes(self) -> bool:
        """Whether its networks name one of several classes."""
        return self.score == "accuracy"

    @property
    def is_obtained(self) -> bool:
        """Whether its raw table is made or fetched: it does not come with the project."""
        return self.provenance != "shipped"


class TaskDescriptions(RootModel[dict[str, TaskDescription]]):
    """Those of all tasks, by name."""
