"""What the parameters of a task on a user's own table may say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lowland.tasks.split_sizes import Count, SplitSizes, seen_from
from lowland.tasks.table.source import Value, comparable


def _listed(classes: Any) -> Any:
    """``[a, b]`` and ``{a: 0}`` as ``{a: [a], b: [b]}`` and ``{a: [0]}``."""
    if isinstance(classes, (list, tuple)):
        return {str(value): (value,) for value in classes}
    if isinstance(classes, dict):
        listed = {name: values if isinstance(values, (list, tuple)) else (values,) for name, values in classes.items()}
        return {str(name): values for name, values in listed.items()}
    return classes


Classes = Annotated[
    dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]], Field(min_length=2), BeforeValidator(_listed)
]


class ShiftOptions(BaseModel):
    """Which rows become the shifted set ``later``.

    Attributes:
        column: Numbers that grow, such as time or the number of a discharge; never a feature.
        share: Of all rows, those with the largest values; groups stay whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    share: Annotated[float, Field(gt=0, le=0.5)]


class TableOptions(SplitSizes):
    """Where the table is and what its columns mean.

    Attributes:
        path: A CSV (.csv, .csv.gz) or Parquet file, relative to the project or absolute.
        obtained_from: Where the file can be had; told to who lacks it.
        features: Columns to tell the target from; ``all``: every numeric one that has no other part to play.
        drop: Names or patterns (``label_*``) of columns that ``all`` leaves out.
        target: Column to be told.
        classes: Its values that are classes, as a list or as ``{name: value or list of values}``; rows with other
            values are left out. None: the target is a number.
        group: Column whose values never cross sets.
        shift: Makes a shifted set; None: there is none.
        missing: What to do about rows with missing features: refuse the table, put the training mean, or drop them.
        missing_codes: Values that stand for a missing one in features.
        clip_quantile: Features are cut off at this quantile of the training rows and at that of one minus it; 0: never.
        hidden: Units of each hidden layer.
        decision_step: Of a number: answers nearer to each other than that, in training standard deviations of the
            target, count as the same decision.
    """

    kind: Literal["table"]
    path: Path
    obtained_from: str = ""
    features: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)]
    drop: tuple[str, ...] = ()
    target: str
    classes: Classes | None = None
    group: str | None = None
    shift: ShiftOptions | None = None
    missing: Literal["refuse", "mean", "drop"] = "refuse"
    missing_codes: tuple[Value, ...] = ()
    clip_quantile: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    decision_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1

    def settled(self, root: Path) -> Self:
        """The file found from the project's folder."""
        return self.model_copy(update={"path": seen_from(root, self.path)})

    @property
    def reserved(self) -> list[str]:
        """Columns that are never features, by their part."""
        others = [self.group, self.shift.column if self.shift else None]
        return list(dict.fromkeys([self.target, *(name for name in others if name is not None)]))

    @model_validator(mode="after")
    def _leaks_nothing(self) -> Self:
        listed = () if self.features == "all" else self.features
        parts = {"target": self.target, "group": self.group, "shift.column": self.shift.column if self.shift else None}
        for part, name in parts.items():
            if name in listed:
                raise ValueError(f"features names {name!r}, which is {part}: it would give the answer away; remove it")
        if self.target in (parts["group"], parts["shift.column"]):
            raise ValueError(f"target is {self.target!r}, which is group or shift.column too; expected others")
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            raise ValueError(f"features names {twice[0]!r} twice; expected every column once")
        claimed: list[float | str] = [comparable(value) for values in (self.classes or {}).values() for value in values]
        if again := [value for value in claimed if claimed.count(value) > 1]:
            raise ValueError(f"classes name the value {again[0]!r} twice; expected every value in one class")
        if self.drop and self.features != "all":
            raise ValueError("drop works on features: all only; features lists its columns already")
        return self
