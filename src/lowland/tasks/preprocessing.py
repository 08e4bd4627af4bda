"""What stands between raw readings and the inputs of a network, and between its outputs and a prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks.splits import Samples

DIMENSIONLESS = "1"
"""The unit of counts, ratios and shares; None is a unit that is not known."""


class Preprocessing(BaseModel, ABC):
    """A frozen record of all that a deployed network needs beside itself; JSON holds it without loss.

    Attributes:
        kind: Key of ``lowland.tasks.PREPROCESSINGS``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        serialize_by_alias=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    kind: str

    @abstractmethod
    def apply(self, raw: Any) -> Tensor:
        """The network's inputs [n, ...] in float32 of raw readings, the same to the last bit as in training."""

    @abstractmethod
    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """What the network's outputs [n, ...], in floats, say in the words and units of the task [n, ...]."""


class Part(BaseModel):
    """A frozen part of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(Part):
    """One column: (clip(value) - mean) / scale.

    Attributes:
        name: Of the column.
        unit: Of its values; ``1`` where they have none, None where it is not known.
        mean: Of the training rows.
        scale: Their standard deviation; 1 where that is 0.
        lowest: Lower values count as this one; None: there is no limit.
        highest: Higher values count as this one.
        gap: What counts where a value is missing; None: no value may be missing.
        constant: Whether all training rows have one value: the input is then 0, whatever the value.
    """

    name: str
    unit: str | None
    mean: FiniteFloat
    scale: PositiveFloat
    lowest: FiniteFloat | None
    highest: FiniteFloat | None
    gap: FiniteFloat | None
    constant: bool


class Classes(Part):
    """The highest output names the class.

    Attributes:
        kind: ``classes``.
        names: In the order of the outputs.
    """

    kind: Literal["classes"] = "classes"
    names: tuple[str, ...]


class Number(Part):
    """The first output times ``scale`` plus ``mean``.

    Attributes:
        kind: ``number``.
        name: Of the target.
        unit: Of the target, as for a feature.
        mean: Of the training rows.
        scale: Their standard deviation; 1 where that is 0.
    """

    kind: Literal["number"] = "number"
    name: str
    unit: str | None = None
    mean: FiniteFloat
    scale: PositiveFloat


Target = Annotated[Classes | Number, Field(discriminator="kind")]


class TablePreprocessing(Preprocessing):
    """Numeric columns, and a class or a number as the target.

    Attributes:
        kind: ``table``.
        features: In the order of the network's inputs.
        missing_codes: Values that stand for a missing one, as do those that are no finite numbers.
        decimal: Mark of fractions where a table holds numbers as text.
        target: What the outputs mean; ``answer`` in the record.
    """

    kind: Literal["table"] = "table"
    features: tuple[Feature, ...]
    missing_codes: tuple[bool | int | float | str, ...] = ()
    decimal: Literal[".", ","] = "."
    target: Target = Field(alias="answer")  # the name in files that are there already

    def apply(self, raw: pd.DataFrame | NDArray[np.floating]) -> Tensor:
        """Inputs [n, features] in float32.

        Args:
            raw: A table that has the features among its columns, as text, numbers or dates; or numbers [n, features] in
                their order, dates in seconds since 1970-01-01 UTC.

        Raises:
            LowlandError: A column is missing or holds text, the numbers have another shape, or a value is missing of a
                feature without ``gap``.
        """
        values = self._numbers(raw) if isinstance(raw, pd.DataFrame) else self._array(np.asarray(raw))
        missing = ~np.isfinite(values)
        gaps = self._column("gap")
        if (refused := missing & np.isnan(gaps)).any():
            row, place = np.argwhere(refused)[0]
            raise LowlandError(
                f"feature {self.features[place].name!r} is missing in {int(refused[:, place].sum())} rows (first: row "
                f"{row}); expected finite numbers: nothing takes the place of a missing value in this task"
            )
        # fmin and fmax pass over limits that are NaN, which are none.
        cut = np.fmin(np.fmax(values, self._column("lowest")), self._column("highest"))
        filled = np.where(missing, gaps, cut)
        inputs = ((filled - self._column("mean")) / self._column("scale")).astype(np.float32)
        return torch.from_numpy(np.where(self._constant, np.float32(0), inputs))

    def samples(self, raw: pd.DataFrame | NDArray[np.floating], targets: NDArray[Any]) -> Samples:
        """The inputs, and the targets as they are."""
        return Samples(self.apply(raw), torch.from_numpy(targets.copy()))

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Names of classes [n], or numbers [n] in the unit of the target."""
        if isinstance(self.target, Classes):
            return np.array(self.target.names)[outputs.argmax(dim=1).numpy()]
        return outputs[:, 0].double().numpy() * self.target.scale + self.target.mean

    @property
    def zero(self) -> Tensor:
        """Where a feature of 0 lies [features], in float32, beyond the limits too: gains turn about what sensors read.

        A feature that is constant in training lies at 0 whatever its sensor reads.
        """
        place = (-self._column("mean") / self._column("scale")).astype(np.float32)
        return torch.from_numpy(np.where(self._constant, np.float32(0), place))

    def _column(self, field: str) -> NDArray[np.float64]:
        """One field of every feature [features], NaN where it is None."""
        return np.array([getattr(feature, field) for feature in self.features], dtype=np.float64)

    @property
    def _constant(self) -> NDArray[np.bool_]:
        return np.array([feature.constant for feature in self.features])

    def _numbers(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """The features of a table, NaN where they are missing."""
        from lowland.tasks.table.features import CellFormat, feature_columns  # of a task, which imports this file

        names, written = tuple(feature.name for feature in self.features), CellFormat(self.missing_codes, self.decimal)
        features = feature_columns(table, names, drop=(), reserved=(), written=written, path=Path("table"))
        return features.values.to_numpy(np.float64)

    def _array(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Numbers in the features' order, NaN where they are missing."""
        if values.ndim != 2 or values.shape[1] != len(self.features) or values.dtype.kind not in "iuf":
            raise LowlandError(
                f"values are {values.dtype} of shape {values.shape}; expected numbers [rows, {len(self.features)}]: "
                f"{_listed([feature.name for feature in self.features])}"
            )
        coded = np.any([np.zeros(values.shape, bool), *(_holds(values, code) for code in self.missing_codes)], axis=0)
        return np.where(coded, np.nan, values.astype(np.float64))


def _holds(values: NDArray[np.floating], code: bool | int | float | str) -> NDArray[np.bool_]:
    """Where a code stands, compared as in tables, in the type of the values: -99.9 is no integer; float32 rounds it."""
    from lowland.tasks.table.cells import spelled_number  # of a task, which imports this file

    number, nowhere = spelled_number(code), np.zeros(values.shape, bool)
    if number is None:
        return nowhere
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):  # becomes infinite, which is missing in any case
            return values == np.array(float(number)).astype(values.dtype)
    limits = np.iinfo(values.dtype.str)
    possible = number == int(number) and limits.min <= number <= limits.max
    return values == int(number) if possible else nowhere


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:8])) + (" ..." if len(names) > 8 else "")
