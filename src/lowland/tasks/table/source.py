"""Users' own tables: CSV or Parquet, and the columns that a task takes from them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from lowland.errors import LowlandError

Value = bool | int | float | str


def read_table(path: Path) -> pd.DataFrame:
    """All columns of a table; how to read it says the file's name.

    Raises:
        LowlandError: An unknown type, or a file that cannot be read as what its name says.
    """
    name = path.name.lower()
    if not name.endswith((".parquet", ".csv", ".csv.gz")):
        raise LowlandError(f"{path}: the file's type is not known; expected a name in .csv, .csv.gz or .parquet")
    kind = "Parquet" if name.endswith(".parquet") else "CSV"
    try:
        frame = pd.read_parquet(path) if kind == "Parquet" else pd.read_csv(path, low_memory=False)  # whole columns
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:  # pandas' own errors are ValueErrors
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LowlandError(f"{path}: cannot be read ({reason}); expected a complete {kind} file") from None
    if frame.empty:
        raise LowlandError(f"{path}: the table has {len(frame)} rows and {frame.shape[1]} columns; expected some")
    frame.columns = frame.columns.map(str)
    return frame


def column_of(frame: pd.DataFrame, name: str, *, parameter: str, path: Path) -> pd.Series:
    """One column.

    Raises:
        LowlandError: The table has no such column.
    """
    if name not in frame.columns:
        shown = ", ".join(frame.columns[:8]) + (" ..." if len(frame.columns) > 8 else "")
        raise LowlandError(f"{path}: column {name!r}, which {parameter} names, is missing; the file has {shown}")
    return frame[name]


def numbers_of(column: pd.Series, codes: Sequence[Value]) -> pd.Series | None:
    """A column as float64 with NaN where it is empty or holds one of the codes; None where it holds something else."""
    if not (pd.api.types.is_numeric_dtype(column) or _is_text(column)):
        return None
    texts = [code for code in codes if isinstance(code, str)]
    present = column.mask(column.isna() | column.isin(texts)) if _is_text(column) else column
    parsed = pd.to_numeric(present, errors="coerce").astype("float64")
    if (parsed.isna() & present.notna()).any():
        return None
    return parsed.mask(parsed.isin([code for code in codes if not isinstance(code, str)]))


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or pd.api.types.is_string_dtype(column)


def feature_columns(
    frame: pd.DataFrame,
    features: tuple[str, ...] | Literal["all"],
    *,
    drop: Sequence[str],
    reserved: Sequence[str],
    codes: Sequence[Value],
    path: Path,
) -> tuple[pd.DataFrame, list[str]]:
    """The features as float64.

    Args:
        frame: The table as it was read.
        features: Their names in order; ``all``: every numeric column that is neither reserved nor dropped.
        drop: Names or patterns (``label_*``) of columns that ``all`` leaves out.
        reserved: Columns that are never features.
        codes: Values that stand for a missing one.
        path: Named in messages.

    Returns:
        The features, and the names of the text columns that ``all`` left out.

    Raises:
        LowlandError: A column is missing or holds no numbers, a pattern matches nothing, or nothing is left.
    """
    if features == "all":
        for pattern in drop:
            if not any(fnmatchcase(name, pattern) for name in frame.columns):
                raise LowlandError(f"{path}: drop names {pattern!r}, which matches no column; correct or remove it")
        names = [name for name in frame.columns if name not in reserved]
        names = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in drop)]
        found = {name: numbers_of(frame[name], codes) for name in names}
        if not any(column is not None for column in found.values()):
            raise LowlandError(f"{path}: features: all leaves no numeric column; name fewer under drop")
    else:
        found = {name: numbers_of(column_of(frame, name, parameter="features", path=path), codes) for name in features}
        for name, column in found.items():
            if column is None:
                raise LowlandError(
                    f"{path}: column {name!r} holds {_example(frame[name])}; expected numbers: leave it out of "
                    "features, or name what stands for a missing value under missing_codes"
                )
    chosen = pd.DataFrame({name: column for name, column in found.items() if column is not None})
    return chosen, [name for name, column in found.items() if column is None]


def _example(column: pd.Series) -> str:
    """The first value that is no number, or the column's type."""
    if not _is_text(column):
        return str(column.dtype)
    text = column.dropna()
    return repr(text[pd.to_numeric(text, errors="coerce").isna()].iloc[0])


def class_names(column: pd.Series, classes: dict[str, tuple[Value, ...]]) -> pd.Series:
    """The name of every row's class; missing where the column holds none of the classes' values."""
    name_of = {comparable(value): name for name, values in classes.items() for value in values}
    return column.map(lambda value: name_of.get(comparable(value)), na_action="ignore").astype("object")


def comparable(value: object) -> float | str:
    """A value of a class: numbers however they are written (2, 2.0, '2'), other values as text."""
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError):
        return str(value).strip()
    return number if np.isfinite(number) else str(value)
