"""The long table: its rows, its schema and what every measure in it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict

from lowland.estimate import STATUSES, Estimate, Status

Family = Literal[
    "performance",
    "cost",
    "landscape",
    "noise",
    "bit_flip",
    "corruption",
    "adversarial",
    "disagreement",
    "worst_case",
    "certificate",
]
Method = Literal["float", "qat", "ptq", "dynamic"]


class Cell(BaseModel):
    """One deployable model: a training run at one precision. Identifies the rows measured on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    recipe: str
    seed: str
    precision: str
    method: Method
    weight_bits: int
    activation_bits: int

    @property
    def id(self) -> str:
        """The stable name ``task.recipe.seed.precision``, also the cell's namespace in the DAG."""
        return f"{self.task}.{self.recipe}.{self.seed}.{self.precision}"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column value of ``measure`` means.

    Attributes:
        label: Name in figures and prose.
        unit: Unit of the value; ``1`` for pure numbers.
        higher_is_better: Direction; ``None`` where neither end is better.
        meaning: One sentence for an engineer who has not met the measure.
        selected: Taken on the cells that parameters select, not on all.
    """

    label: str
    unit: str
    higher_is_better: bool | None
    meaning: str
    selected: bool = False


MEASURES: dict[str, Measure] = {
    "all": Measure("any", "1", None, "Stands for every measure of a stage that gave no result."),
    # performance and cost
    "accuracy": Measure("accuracy", "1", True, "Share of rows whose highest output is the right class."),
    "loss": Measure("loss", "nat", False, "Mean cross-entropy of the rows."),
    "deployment_mismatch": Measure(
        "deployment mismatch", "1", False, "Largest difference between the frozen network and its training-time twin."
    ),
    "integer_mismatch_rate": Measure(
        "integer mismatch", "1", False, "Share of rows where integer-only arithmetic gives another activation code."
    ),
    "size": Measure("size", "bit", False, "Bits that store weights and biases."),
    "parameters": Measure("parameters", "1", False, "Number of weights and biases."),
    # responses to a disturbance
    "accuracy_drop": Measure("accuracy drop", "1", False, "Accuracy lost to the disturbance, same rows."),
    "loss_rise": Measure("loss rise", "nat", False, "Loss added by the disturbance, same rows."),
    "mismatch_rate": Measure("changed decisions", "1", False, "Share of rows that the disturbance decides otherwise."),
    "non_finite_rate": Measure("non-finite outputs", "1", False, "Share of outputs that are not numbers any more."),
    "blind_rate": Measure(
        "blind attacks", "1", None, "Share of rows whose gradient vanished, so that the attack could not see."
    ),
    "half_life": Measure(
        "half-life",
        "1",
        None,
        "Strength of a disturbance at which half of what the network does better than guessing is lost.",
    ),
    # single bits
    "bit_error_slope": Measure(
        "bit error slope", "1", False, "Score lost per unit of bit error rate while errors are few.", True
    ),
    "worst_flip_drop": Measure("worst flip", "1", False, "Score lost to the one bit whose flip costs most.", True),
    "score_after_search": Measure(
        "score after searched flips", "1", True, "Score left after the worst flips that a greedy search finds.", True
    ),
    "ranking_recall": Measure(
        "recall of a ranking",
        "1",
        True,
        "Share of the flips that raise the loss most which a ranking has among its first ones.",
        True,
    ),
    "ranking_recall_score": Measure(
        "recall of a ranking, by score",
        "1",
        True,
        "Share of the flips that cost most of the score which a ranking has among its first ones.",
        True,
    ),
    "protected_bits": Measure(
        "bits to protect", "1", False, "Fewest bits to store three times so that the score holds, predicted.", True
    ),
    "protected_bits_simulated": Measure(
        "bits to protect, simulated",
        "1",
        False,
        "Fewest bits to store three times so that the score holds, found by simulation.",
        True,
    ),
    # landscape
    "gradient_norm": Measure("gradient norm", "nat", False, "Steepness of the loss where training stopped."),
    "hessian_trace": Measure("Hessian trace", "nat", False, "Sum of all curvatures of the loss over the weights."),
    "sample_gradient_norm": Measure(
        "row gradient norm", "nat", False, "Steepness of the loss of single rows; the level says which quantile."
    ),
    "smallest_eigenvalue": Measure(
        "smallest eigenvalue", "nat", None, "Curvature in the most downward-bent direction, usually negative."
    ),
    "expected_sharpness": Measure(
        "expected sharpness", "nat", False, "Mean loss rise when every weight is off by a random share of itself."
    ),
    "adaptive_sharpness": Measure(
        "adaptive sharpness", "nat", False, "Worst loss rise in a ball of relative weight changes."
    ),
    "input_jacobian_norm": Measure(
        "input Jacobian norm", "1", False, "How strongly the outputs follow small changes of the inputs."
    ),
    "flip_mismatch_curvature": Measure(
        "flip mismatch", "1", False, "Predicted share of decisions that one random bit flip changes."
    ),
    "input_mismatch_curvature": Measure(
        "input mismatch", "1", False, "Predicted share of decisions that Gaussian input noise changes."
    ),
    "rounding_mismatch_curvature": Measure(
        "rounding mismatch", "1", False, "Predicted share of decisions that rounding every weight changes."
    ),
    "largest_eigenvalue": Measure("largest eigenvalue", "nat", False, "Curvature in the sharpest direction."),
    "flip_curvature": Measure(
        "flip curvature", "nat", False, "Predicted loss rise of one random bit flip, from gradient and curvature."
    ),
    "input_curvature": Measure(
        "input curvature", "nat", False, "Predicted loss rise under Gaussian input noise, from the input curvature."
    ),
    "rounding_curvature": Measure(
        "rounding curvature", "nat", False, "Predicted loss rise of rounding every weight to its grid."
    ),
    "mean_squared_flip": Measure("mean squared flip", "1", False, "Mean squared weight change of one bit flip."),
    "scaled_trace": Measure("scaled trace", "nat", False, "Curvatures weighted by squared weights."),
    "normalised_sharpness": Measure(
        "logit-normalised sharpness", "1", False, "Trace of the Hessian after scaling the outputs to unit spread."
    ),
    "weight_norm": Measure("weight norm", "1", False, "Euclidean norm of all weights."),
    "output_entropy": Measure("output entropy", "nat", None, "How undecided the outputs are on average."),
    "disagreement_rate": Measure(
        "disagreement of seeds", "1", False, "Share of rows that two seeds decide differently."
    ),
    "negative_spectral_mass": Measure(
        "negative curvature", "1", False, "Share of all curvature that is negative: ways downhill.", True
    ),
    "mode_connectivity": Measure(
        "mode connectivity",
        "nat",
        True,
        "How far the loss on the way from one seed to another leaves their mean; negative: a barrier in between.",
        True,
    ),
    "curve_barrier": Measure(
        "curve barrier", "nat", False, "Highest rise of the loss on a trained curve from one seed to another.", True
    ),
    "linear_barrier": Measure(
        "linear barrier", "nat", False, "Highest rise of the loss on the straight line from one seed to another.", True
    ),
    "cka": Measure("CKA", "1", True, "How alike two seeds' outputs are (1: the same up to rotation and scale)."),
}

SELECTED = frozenset(name for name, measure in MEASURES.items() if measure.selected)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the long table without its cell.

    Attributes:
        family: What kind of measure it is.
        measure: A key of ``MEASURES``.
        estimate: The value with its uncertainty.
        condition: Which disturbance or which shifted set; empty where there is none.
        target: What was disturbed or looked at (``weights``, a layer, ...); empty for the whole.
        level: Strength (per cent of noise, number of flips, bit error rate ...); NaN where there is none.
        reference: Id of the other cell, for pairs.
    """

    family: Family
    measure: str
    estimate: Estimate
    condition: str = ""
    target: str = ""
    level: float = float("nan")
    reference: str = ""


SCHEMA = pa.DataFrameSchema(
    {
        "task": pa.Column(str),
        "recipe": pa.Column(str),
        "seed": pa.Column(str),
        "precision": pa.Column(str),
        "method": pa.Column(str, pa.Check.isin(get_args(Method))),
        "weight_bits": pa.Column("int64", pa.Check.ge(0)),
        "activation_bits": pa.Column("int64", pa.Check.ge(0)),
        "family": pa.Column(str, pa.Check.isin(get_args(Family))),
        "measure": pa.Column(str, pa.Check.isin(list(MEASURES))),
        "condition": pa.Column(str),
        "target": pa.Column(str),
        "level": pa.Column("float64", nullable=True),
        "reference": pa.Column(str),
        "value": pa.Column("float64", nullable=True),
        "standard_error": pa.Column("float64", nullable=True),
        "num_samples": pa.Column("int64", pa.Check.ge(0)),
        "status": pa.Column(str, pa.Check.isin(STATUSES)),
    },
    strict=True,
    ordered=True,
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.columns)
_TYPES = {
    name: pd.api.types.pandas_dtype(str(column.dtype).partition("[")[0]) for name, column in SCHEMA.columns.items()
}
_CELL_NAMES = COLUMNS[:4]
KEYS: tuple[str, ...] = COLUMNS[: COLUMNS.index("value")]


def table(cell: Cell, measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Rows of the long table for one cell, checked against the schema.

    Raises:
        pandera.errors.SchemaError: A measure or family that the table does not know, or a row measured twice.
    """
    records = [
        (
            *cell.model_dump().values(),
            m.family,
            m.measure,
            m.condition,
            m.target,
            float(m.level),
            m.reference,
            m.estimate.value,
            m.estimate.standard_error,
            m.estimate.num_samples,
            m.estimate.status,
        )
        for m in measurements
    ]
    return checked(pd.DataFrame.from_records(records, columns=list(COLUMNS)))


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
    return frame.astype(_TYPES)


class Expected(NamedTuple):
    """What a study should have measured.

    Attributes:
        cell: On which cell.
        family: Of which family.
        measure: Which measure, or ``all``: any that is taken on every cell.
        reference: Id of the other cell, for pairs.
    """

    cell: Cell
    family: Family
    measure: str = "all"
    reference: str = ""


def complete(frame: pd.DataFrame, expected: Iterable[Expected]) -> pd.DataFrame:
    """The table with a ``failed`` row for whatever was expected and has no row at all.

    A crashed node leaves no file, so only the list of what was expected can tell what is missing.

    Args:
        frame: Rows of the long table.
        expected: What there should be.
    """
    keys = [*_CELL_NAMES, "family", "reference"]
    usual = frame[~frame["measure"].isin(SELECTED)]
    anything = set(zip(*(usual[column] for column in keys), strict=True))
    present = set(zip(*(frame[column] for column in (*keys, "measure")), strict=True))

    def is_there(wanted: Expected) -> bool:
        cell = wanted.cell
        key = (cell.task, cell.recipe, cell.seed, cell.precision, wanted.family, wanted.reference)
        return key in anything if wanted.measure == "all" else (*key, wanted.measure) in present

    missing = [
        table(
            wanted.cell,
            [Measurement(wanted.family, wanted.measure, Estimate.missing("failed"), reference=wanted.reference)],
        )
        for wanted in expected
        if not is_there(wanted)
    ]
    return stack([frame, *missing]) if missing else frame


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the schema's types, validated.

    Raises:
        pandera.errors.SchemaError: With the first column and value that do not fit.
    """
    return SCHEMA.validate(frame.astype(_TYPES))
