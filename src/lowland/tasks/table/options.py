"""What the parameters of a task on a user's own table may say."""

from __future__ import annotations

import codecs
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from lowland.tasks.given_network import NetworkChoice
from lowland.tasks.network_options import NetworkOptions
from lowland.tasks.split_sizes import ClassifierSplitSizes, Count, seen_from
from lowland.tasks.table.cells import Value
from lowland.tasks.table.csv_file import CsvFormat


def _listed(classes: Any) -> Any:
    """``[a, b]`` and ``{a: 0}`` as ``{a: [a], b: [b]}`` and ``{a: [0]}``."""
    if isinstance(classes, (list, tuple)):
        listed: dict[str, Any] = {_text(value): (value,) for value in classes}
    elif isinstance(classes, dict):
        listed = {
            _text(name): value if isinstance(value, (list, tuple)) else (value,) for name, value in classes.items()
        }
    else:
        return classes
    if len(listed) < len(classes):
        raise ValueError(f"classes name one twice among {', '.join(map(_text, classes))}; name each once, as text")
    if len(listed) < 2:
        came = f"only {next(iter(listed))!r}" if listed else "nothing"
        raise ValueError(
            f"classes name {came}; expected at least two classes (or no parameter classes: the target is a number)"
        )
    return listed


def _text(name: object) -> str:
    """A class or column as YAML meant it: null is no Python word."""
    return "null" if name is None else str(name)


def _column(name: Any) -> Any:
    """The name of a column as text: headers such as 0, 1, 2 are numbers to YAML."""
    if isinstance(name, bool):
        raise ValueError(
            f"a column's name came as {str(name).lower()}: YAML reads yes, no, on and off so; put it in quotes"
        )
    return str(name) if isinstance(name, int) else name


def _separator(mark: Any) -> Any:
    return "tab" if mark == "\t" else mark


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # what is looked up may be no encoding of text, such as base64
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(
            f"encoding {name!r} is not known; expected utf-8, latin-1, cp1252 or another of Python's"
        ) from None


def _finite(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} came as a value; NaN and infinite cells are gaps already: remove it")
    return value


Classes = Annotated[
    dict[str, Annotated[tuple[Annotated[Value, AfterValidator(_finite)], ...], Field(min_length=1)]],
    BeforeValidator(_listed),
]
Column = Annotated[str, BeforeValidator(_column)]


class ShiftOptions(BaseModel):
    """Which rows become the shifted set ``later``.

    Attributes:
        column: Numbers or dates that grow, such as time or the number of a discharge; never a feature.
        share: Of all rows, those with the largest values; groups stay whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Column
    share: Annotated[float, Field(gt=0, le=0.5)]


class TableOptions(NetworkOptions, ClassifierSplitSizes):
    """Where the table is and what its columns mean.

    Attributes:
        path: A CSV (.csv, .csv.gz) or Parquet file, relative to the project or absolute.
        obtained_from: Where to get the file; named where it is missing.
        separator: What divides the fields of a CSV file; ``auto``: found from its first lines.
        decimal: Mark of fractions in text.
        encoding: Of a CSV file, as Python calls it; a byte-order mark decides by itself.
        features: Columns that predict the target, where named also dates, as seconds since 1970; ``all``: every numeric
            one that has no other part to play.
        drop: Names or patterns (``label_*``) of columns that ``all`` leaves out; a column's name is no pattern.
        target: Column to be predicted.
        classes: Its values that are classes, as a list or as ``{name: value or list of values}``; rows with other
            values are left out. None: the target is a number.
        group: Column whose values never cross sets.
        shift: Makes a shifted set; None: there is none.
        missing: What to do about rows with missing features: refuse the table, put the training mean, or drop them.
        missing_codes: Values that stand for a missing one in features.
        clip_quantile: Features are cut off at this quantile of the training rows and at that of one minus it; 0: never.
        scale: What the network reads: features less the mean of the training rows, over their standard deviation
            (``training``), or as they stand in the table (``none``), which networks from outside may ask for.
        network: ``mlp``, linear layers with ReLU between them; or a function of yours that builds another:
            ``their_package.nets:build``, called as ``build((features,), outputs, **network_options)``; or a quantized
            one from outside (docs/imported.md): ``{qonnx: path}`` or ``{brevitas: their_package.nets:build}``.
        network_options: Further arguments of your function.
        hidden: Units of each hidden layer of ``mlp``.
        decision_step: Of a number: outputs nearer to each other than that, in training standard deviations of the
            target, count as the same decision.
    """

    BUILT_IN: ClassVar[tuple[str, ...]] = ("mlp",)

    kind: Literal["table"]
    path: Path
    obtained_from: str = ""
    separator: Annotated[Literal["auto", ",", ";", "tab", "|"], BeforeValidator(_separator)] = "auto"
    decimal: Literal[".", ","] = "."
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    features: Literal["all"] | Annotated[tuple[Column, ...], Field(min_length=1)]
    drop: tuple[Column, ...] = ()
    target: Column
    classes: Classes | None = None
    group: Column | None = None
    shift: ShiftOptions | None = None
    missing: Literal["refuse", "mean", "drop"] = "refuse"
    missing_codes: tuple[Annotated[Value, AfterValidator(_finite)], ...] = ()
    clip_quantile: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    scale: Literal["training", "none"] = "training"
    network: NetworkChoice = "mlp"
    network_options: dict[str, Any] = Field(default={})
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    decision_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1

    def resolved(self, root: Path) -> Self:
        """The files found from the project's folder."""
        found = {"path": seen_from(root, self.path), "network": self.network_seen_from(root)}
        return self.model_copy(update=found)

    @property
    def csv_format(self) -> CsvFormat:
        """How a CSV file is written."""
        return CsvFormat(self.separator, self.decimal, self.encoding)

    @property
    def reserved(self) -> list[str]:
        """Columns that are never features, by their part."""
        others = [self.group, self.shift.column if self.shift else None]
        return list(dict.fromkeys([self.target, *(name for name in others if name is not None)]))

    @model_validator(mode="after")
    def _has_a_network(self) -> Self:
        if self.hidden is None and self.is_built_in:
            absent = InitErrorDetails(type="missing", loc=("hidden",), input={})
            raise ValidationError.from_exception_data("hidden", [absent])
        if self.hidden is not None and not self.is_built_in:
            raise ValueError(f"hidden is {list(self.hidden)}, but network is {self.network}; remove hidden")
        return self

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
        claimed = [value for values in (self.classes or {}).values() for value in values]
        if again := [value for value in claimed if claimed.count(value) > 1]:
            raise ValueError(f"classes name the value {again[-1]!r} twice; expected every value in one class")
        if self.drop and self.features != "all":
            raise ValueError("drop works on features: all only; features lists its columns already")
        if self.threshold_rows and self.classes is None:
            raise ValueError(
                f"threshold_rows is {self.threshold_rows} without classes; expected 0: only answers that are right or "
                "wrong have a risk"
            )
        if self.retraining_rows and self.classes is None:
            raise ValueError(
                f"retraining_rows is {self.retraining_rows} without classes; expected 0: only classes can be answered "
                "otherwise"
            )
        if self.decimal == self.separator:
            raise ValueError(f"separator and decimal are both {self.decimal!r}; expected different marks")
        return self
