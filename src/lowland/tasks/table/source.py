"""Users' own tables: CSV or Parquet, and the columns that a task takes from them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from lowland.errors import LowlandError
from lowland.tasks.table import cells as cell
from lowland.tasks.table.cells import Value
from lowland.tasks.table.csv_file import CsvFormat, read_csv
from lowland.tasks.table.times import seconds

SHOWN = 6


def read_table(path: Path, how: CsvFormat | None = None) -> pd.DataFrame:
    """All columns of a table in the types in which they are stored; how to read it says the file's name.

    Args:
        path: A CSV (.csv, .csv.gz) or Parquet file.
        how: How CSV is written; None: as most is.

    Returns:
        Columns of Arrow's types: integers stay exact where there are gaps, and text is text.

    Raises:
        LowlandError: An unknown type, a file that cannot be read as what its name says, two columns of one name.
    """
    name = path.name.lower()
    if not name.endswith((".parquet", ".csv", ".csv.gz")):
        raise LowlandError(f"{path}: the file's type is not known; expected a name in .csv, .csv.gz or .parquet")
    kind = "Parquet" if name.endswith(".parquet") else "CSV"
    try:
        table = _parquet(path) if kind == "Parquet" else read_csv(path, how or CsvFormat())
    except LowlandError:
        raise
    except (OSError, EOFError, ValueError, csv.Error, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LowlandError(f"{path}: cannot be read ({reason}); expected a complete {kind} file") from None
    if not (table.num_rows and table.num_columns):
        raise LowlandError(
            f"{path}: the table has {table.num_rows} rows and {table.num_columns} columns; expected some"
        )
    names = [str(column).strip() for column in table.column_names]
    if twice := sorted({column for column in names if names.count(column) > 1}):
        raise LowlandError(f"{path}: {names.count(twice[0])} columns are called {twice[0]!r}; rename all but one")
    return table.rename_columns(names).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def _parquet(path: Path) -> pa.Table:
    table = parquet.ParquetFile(path).read()
    # pandas keeps an index of even steps as a note beside the columns: with a name it is a column like others
    for index in (table.schema.pandas_metadata or {}).get("index_columns", []):
        if isinstance(index, dict) and index.get("name") is not None:
            values = pa.array(np.arange(index["start"], index["stop"], index["step"]))
            table = table.append_column(str(index["name"]), values)
    return pa.table([cell.tidied(column.combine_chunks()) for column in table.columns], names=table.column_names)


def column_of(frame: pd.DataFrame, name: str, *, parameter: str, path: Path) -> pd.Series:
    """One column.

    Raises:
        LowlandError: The table has no such column.
    """
    if name not in frame.columns:
        shown = ", ".join(frame.columns[:8]) + (" ..." if len(frame.columns) > 8 else "")
        near = get_close_matches(name, frame.columns, n=1)
        meant = f": did you mean {near[0]!r}?" if near and near[0] not in frame.columns[:8] else ""
        raise LowlandError(f"{path}: column {name!r}, which {parameter} names, is missing; the file has {shown}{meant}")
    return frame[name]


def numbers_of(column: pd.Series, codes: Sequence[Value], *, decimal: str = ".") -> pd.Series | None:
    """A column as float64 with NaN where it is empty or holds one of the codes; None where it holds something else."""
    found = cell.numbers(cell.cells_of(column), codes, decimal=decimal)
    if found is None or found.bad.any():
        return None
    return pd.Series(found.values, column.index, name=column.name)


def order_of(column: pd.Series, *, decimal: str = ".") -> pd.Series | None:
    """Numbers, or dates as seconds since the earliest, in the column's exact order; None where it holds others."""
    cells = cell.cells_of(column)
    if pa.types.is_integer(cells.type) and not cells.null_count:
        low, high = pc.min(cells).as_py(), pc.max(cells).as_py()
        if max(abs(low), abs(high)) > cell.EXACT and high - low <= cell.EXACT:  # long numbers such as 20200131120000001
            cells = pc.subtract(cells, pa.scalar(low, cells.type))
            return pd.Series(cells.to_numpy(zero_copy_only=False).astype(np.float64), column.index, name=column.name)
    times = seconds(cells, from_first=True)
    if times is None:
        return numbers_of(column, (), decimal=decimal)
    return pd.Series(times, column.index, name=column.name)


def class_names(column: pd.Series, classes: dict[str, tuple[Value, ...]]) -> pd.Series:
    """The name of every row's class; missing where the column holds none of the classes' values.

    Raises:
        LowlandError: Two classes claim the same cells, such as ``"10"`` and ``"1e1"`` of a numeric column.
    """
    cells = cell.cells_of(column)
    names = np.full(len(cells), None, object)
    for name, values in classes.items():
        mask = np.any([cell.equals(cells, value) for value in values], axis=0)
        if (claimed := mask & (names != None) & (names != name)).any():  # noqa: E711  # element by element
            place = int(np.argmax(claimed))
            raise LowlandError(
                f"classes {names[place]!r} and {name!r} both claim {cells[place].as_py()!r} of column "
                f"{column.name!r}; expected every value in one class"
            )
        names[mask] = name
    return pd.Series(names, column.index, dtype=object, name=column.name)


def values_of(column: pd.Series) -> str:
    """The values that a column holds, the most frequent first, with their numbers of rows."""
    counts = cell.cells_of(column).value_counts().to_pylist()
    counts = sorted((pair for pair in counts if pair["values"] is not None), key=lambda pair: -pair["counts"])
    shown = ", ".join(f"{pair['values']!r} ({pair['counts']})" for pair in counts[:SHOWN])
    return shown + (f" and {len(counts) - SHOWN} others" if len(counts) > SHOWN else "") or "nothing"


def stored(column: pd.Series) -> pd.Series:
    """A column of the table as plain pandas types, which every reader of Parquet gives back."""
    # with gaps whole numbers would become floats, and different ones the same
    values = cell.cells_of(column).to_pandas(integer_object_nulls=True).to_numpy()
    return pd.Series(values, column.index, name=column.name)
