"""The long table: its rows and its schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict

from lowland.estimate import STATUSES, Estimate, Status
from lowland.vocabulary.conditions import CONDITIONS, Condition, condition_named
from lowland.vocabulary.families import DISTURBANCES, Family
from lowland.vocabulary.levels import NO_LEVEL
from lowland.vocabulary.measures import MEASURES
from lowland.vocabulary.targets import TARGETS

Method = Literal["float", "qat", "ptq", "weight_only", "dynamic", "imported"]
IMPORTED: Method = "imported"
"""That of networks from outside, of which each configuration is one network and no sample of trainings."""
WITH_CODES: tuple[Method, ...] = tuple(method for method in get_args(Method) if method != "float")
"""Those whose networks store codes."""
Split = Literal["", "validation", "landscape", "selection", "test", "threshold", "retraining"]
HALVES: tuple[Split, Split] = ("selection", "test")
"""Of the held-out rows: what is chosen is chosen on the first, and reported on the second."""
ReferenceKind = Literal["", "seed", "float", "fake_float", "runtime"]


WORST_CASE = "worst_case"
"""Where students of a run stand, beside its cells: they have no precision of the study's."""


class Cell(BaseModel):
    """One deployable model: a training run at one precision. Identifies the rows measured on it.

    The precision is empty for students that were made of a run together with bit policies.
    Widths are those of the precision, in the long table averages over the network where layers differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    recipe: str
    seed: str
    precision: str
    method: Method
    weight_bits: int | float
    activation_bits: int | float

    @property
    def id(self) -> str:
        """The stable name ``task.recipe.seed.precision``, also the cell's namespace in the DAG."""
        return f"{self.task}.{self.recipe}.{self.seed}.{self.precision or WORST_CASE}"


def student_cell(task: str, recipe: str, seed: str, *, activation_bits: float = 8) -> Cell:
    """What rows about students of a run are of: networks under dynamic quantization, without a precision.

    Args:
        task: Of the run.
        recipe: Of the run.
        seed: Of the run.
        activation_bits: Mean width of the policy that they are under.
    """
    return Cell(
        task=task,
        recipe=recipe,
        seed=seed,
        precision="",
        method="dynamic",
        weight_bits=8,
        activation_bits=activation_bits,
    )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the long table without its cell.

    Attributes:
        family: What kind of measure it is.
        measure: A key of ``MEASURES``.
        estimate: The value with its uncertainty.
        condition: Which disturbance or which shifted set; empty where there is none.
        target: What was disturbed or looked at (``weights``, a layer, ...); empty for the whole.
        level: Strength, in the condition's unit; NaN where there is none.
        split: The rows of the task that it was measured on; empty where there are none, or all held-out ones.
        reference: Id of the other model of a comparison.
        reference_kind: What that is: another ``seed``, the ``float`` network, ``fake_float`` (the fine-tuned weights
            without quantizers) or another ``runtime``; empty without a reference.
    """

    family: Family
    measure: str
    estimate: Estimate
    condition: str = ""
    target: str = ""
    level: float = float("nan")
    split: Split = ""
    reference: str = ""
    reference_kind: ReferenceKind = ""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition at a level: what the measurements under it have in common.

    Attributes:
        condition: What is done.
        target: What it hits; empty for the whole.
        level: How strongly, in the condition's unit; NaN where it has no levels.
        split: On which rows.
    """

    condition: Condition
    target: str = ""
    level: float = float("nan")
    split: Split = ""

    def measured(self, measure: str, estimate: Estimate) -> Measurement:
        """One measure under it."""
        return Measurement(
            self.condition.family,
            measure,
            estimate,
            self.condition.name,
            target=self.target,
            level=self.level,
            split=self.split,
        )


SCHEMA = pa.DataFrameSchema(
    {
        "task": pa.Column(str),
        "recipe": pa.Column(str),
        "seed": pa.Column(str),
        "precision": pa.Column(str),
        "method": pa.Column(str, pa.Check.isin(get_args(Method))),
        "weight_bits": pa.Column(None, pa.Check.ge(0)),  # averages over layers: see _typed
        "activation_bits": pa.Column(None, pa.Check.ge(0)),
        "family": pa.Column(str, pa.Check.isin(get_args(Family))),
        "measure": pa.Column(str, pa.Check.isin(list(MEASURES))),
        "condition": pa.Column(str),
        "target": pa.Column(str),
        "level": pa.Column("float64", nullable=True),
        "level_unit": pa.Column(str),
        "split": pa.Column(str, pa.Check.isin(get_args(Split))),
        "reference": pa.Column(str),
        "reference_kind": pa.Column(str, pa.Check.isin(get_args(ReferenceKind))),
        "value": pa.Column("float64", nullable=True),
        "standard_error": pa.Column("float64", nullable=True),
        "num_samples": pa.Column("int64", pa.Check.ge(0)),
        "status": pa.Column(str, pa.Check.isin(STATUSES)),
    },
    strict=True,
    ordered=True,
)
_VALUES = SCHEMA.update_columns({name: {"dtype": None} for name in SCHEMA.columns})
"""The same for columns that have their types already: pandera takes most of its time to look at types."""
COLUMNS: tuple[str, ...] = tuple(SCHEMA.columns)
WIDTHS = ("weight_bits", "activation_bits")
_TYPES = {
    name: pd.api.types.pandas_dtype(str(column.dtype).partition("[")[0])
    for name, column in SCHEMA.columns.items()
    if name not in WIDTHS
}
CELL_NAMES = COLUMNS[:4]
KEYS: tuple[str, ...] = COLUMNS[: COLUMNS.index("value")]


def table(cell: Cell, measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Rows of the long table for one cell, checked against the schema.

    Raises:
        pandera.errors.SchemaError: A measure or family that the table does not know, or a row measured twice.
    """
    return table_of_cells({cell: measurements})


def table_of_cells(measurements: Mapping[Cell, Iterable[Measurement]]) -> pd.DataFrame:
    """The same for several cells, checked once.

    Raises:
        pandera.errors.SchemaError: A measure or family that the table does not know, or a row measured twice.
    """
    records = [
        (
            *names,
            m.family,
            m.measure,
            m.condition,
            m.target,
            float(m.level),
            _unit(m),
            m.split,
            m.reference,
            m.reference_kind,
            m.estimate.value,
            m.estimate.standard_error,
            m.estimate.num_samples,
            m.estimate.status,
        )
        for cell, rows in measurements.items()
        for names in (tuple(cell.model_dump().values()),)
        for m in rows
    ]
    return checked(pd.DataFrame.from_records(records, columns=list(COLUMNS)))


def _unit(measurement: Measurement) -> str:
    """What a level counts; most levels of other things than conditions are shares or numbers that need no unit."""
    known, measure = CONDITIONS.get(measurement.condition), MEASURES.get(measurement.measure)
    own = measure.levels if measure else NO_LEVEL
    unit = own if known is None or known.unit == NO_LEVEL else known.unit  # a shifted set has no levels itself
    counted = measurement.level == measurement.level or measurement.measure == "half_life"
    return unit.name if counted else ""


def cell_frame(cell: Cell, **columns: Any) -> pd.DataFrame:
    """A table beside the long one, such as a picture's, whose every row says which cell it is about."""
    frame = pd.DataFrame(columns)
    for position, (name, value) in enumerate(cell.model_dump().items()):
        frame.insert(position, name, value)
    return frame


def unavailable(cell: Cell, family: Family, status: Status) -> pd.DataFrame:
    """The row that says that a whole family could not be measured on a cell."""
    return table(cell, [Measurement(family, "all", Estimate.missing(status))])


def stack(tables: Iterable[pd.DataFrame | None]) -> pd.DataFrame:
    """Tables on top of each other in their given order; ``None`` stands for a child that left nothing."""
    present = [t for t in tables if t is not None and len(t)]
    frame = pd.concat(present, ignore_index=True) if present else pd.DataFrame(columns=list(COLUMNS))
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """A long table with the schema's types; widths are integers where all of them are whole."""
    numbers = {name: frame[name].astype("float64") for name in WIDTHS}
    widths = {name: "int64" if bool((bits % 1 == 0).all()) else "float64" for name, bits in numbers.items()}
    return frame.astype({**_TYPES, **widths})


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the schema's types, validated.

    Raises:
        pandera.errors.SchemaError: With the first column and value that do not fit.
    """
    return _VALUES.validate(typed(frame))


def words_of(frame: pd.DataFrame) -> dict[str, Any]:
    """What the names in a table mean, in what JSON can hold: with it an old table stays readable.

    Args:
        frame: Rows of the long table.

    Returns:
        ``measures`` by name, ``conditions`` by task and name (a shifted set is its task's own) and ``targets`` by name,
        each with the fields of its record.
    """
    disturbed = frame[frame["family"].isin((*DISTURBANCES, "worst_case")) & (frame["condition"] != "")]
    return {
        "measures": {name: asdict(MEASURES[name]) for name in frame["measure"].unique()},
        "conditions": {
            task: {name: asdict(condition_named(name)) for name in rows["condition"].unique()}
            for task, rows in disturbed.groupby("task", sort=False)
        },
        "targets": {name: asdict(TARGETS[name]) for name in disturbed["target"].unique() if name in TARGETS},
    }
