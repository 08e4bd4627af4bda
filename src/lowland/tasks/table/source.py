"""Users' own tables: CSV or Parquet, and the columns that a task takes from them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from lowland.errors import LowlandError
from lowland.tasks.table import cells as cell
from lowland.tasks.table.cells import Numbers, Value
from lowland.tasks.table.csv_file import CsvFormat, read_csv

UNNAMED = re.compile(r"Unnamed: \d+|__index_level_\d+__")
"""What pandas calls a column that has no name, and a Parquet file an index that has none."""
LOOKS_LIKE_A_NUMBER = r"^[+-]?\d{1,3}([.,' ]\d{3})*([.,]\d+)?$|^[+-]?\d+,\d+$"
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
        raise LowlandError(f"{path}: the table has {table.num_rows} rows and {table.num_columns} columns; expected some")
    names = [str(column).strip() for column in table.column_names]
    if twice := sorted({column for column in names if names.count(column) > 1}):
        raise LowlandError(f"{path}: {names.count(twice[0])} columns are called {twice[0]!r}; rename all but one")
    return table.rename_columns(names).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def _parquet(path: Path) -> pa.Table:
    table = parquet.ParquetFile(path).read()
    return pa.table(
        [cell.tidied(column.combine_chunks()) for column in table.columns] if table.num_rows else table.columns,
        names=table.column_names,
    )


def column_of(frame: pd.DataFrame, name: str, *, parameter: str, path: Path) -> pd.Series:
    """One column.

    Raises:
        LowlandError: The table has no such column.
    """
    if name not in frame.columns:
        shown = ", ".join(frame.columns[:8]) + (" ..." if len(frame.columns) > 8 else "")
        near = get_close_matches(name, frame.columns, n=1)
        meant = f": did you mean {near[0]!r}?" if near and near[0] not in frame.columns[:8] else ""
        raise LowlandError(
            f"{path}: column {name!r}, which {parameter} names, is missing; the file has {shown}{meant}"
        )
    return frame[name]


def numbers_of(column: pd.Series, codes: Sequence[Value], *, decimal: str = ".") -> pd.Series | None:
    """A column as float64 with NaN where it is empty or holds one of the codes; None where it holds something else."""
    found = cell.numbers(cell.cells_of(column), codes, decimal=decimal)
    if found is None or found.bad.any():
        return None
    return pd.Series(found.values, column.index, name=column.name)


def order_of(column: pd.Series, *, decimal: str = ".") -> pd.Series | None:
    """Numbers, or dates as seconds since the earliest, in the exact order of the column; None where there are others."""
    cells = cell.cells_of(column)
    if pa.types.is_integer(cells.type) and not cells.null_count:
        low, high = pc.min(cells).as_py(), pc.max(cells).as_py()
        if max(abs(low), abs(high)) > cell.EXACT and high - low <= cell.EXACT:  # long numbers such as 20200131120000001
            cells = pc.subtract(cells, pa.scalar(low, cells.type))
            return pd.Series(cells.to_numpy(zero_copy_only=False).astype(np.float64), column.index, name=column.name)
    times = cell.seconds(cells, from_first=True)
    if times is None:
        return numbers_of(column, (), decimal=decimal)
    return pd.Series(times, column.index, name=column.name)


class Features(NamedTuple):
    """The features of a table, and what became of the other columns.

    Attributes:
        values: In float64, NaN where missing.
        left_out: Columns that are not used though nothing else needs them, and why.
        unseen_codes: Codes for missing values that no feature holds.
        rounded: Features with whole numbers that float64 cannot tell apart.
    """

    values: pd.DataFrame
    left_out: dict[str, str]
    unseen_codes: list[Value]
    rounded: list[str]


def feature_columns(
    frame: pd.DataFrame,
    features: tuple[str, ...] | Literal["all"],
    *,
    drop: Sequence[str],
    reserved: Sequence[str],
    codes: Sequence[Value],
    path: Path,
    decimal: str = ".",
) -> Features:
    """The features as float64.

    Args:
        frame: The table as it was read.
        features: Their names in order, dates among them; ``all``: every numeric column that is neither reserved nor
            dropped nor counts the rows.
        drop: Names, or patterns (``label_*``), of columns that ``all`` leaves out; what is a column's name is no pattern.
        reserved: Columns that are never features.
        codes: Values that stand for a missing one.
        path: Named in messages.
        decimal: Mark of fractions in text.

    Raises:
        LowlandError: A column is missing or holds no numbers, a pattern matches nothing, or nothing is left.
    """
    found: dict[str, Numbers] = {}
    left_out: dict[str, str] = {}
    if features == "all":
        dropped = _dropped(frame, drop, path)
        for name in frame.columns:
            if name in dropped:
                left_out[name] = "drop"
            elif name not in reserved:
                read = _numeric_or_why(frame[name], codes, decimal, path)
                if isinstance(read, str):
                    left_out[name] = read
                else:
                    found[name] = read
        if not found:
            raise LowlandError(f"{path}: features: all leaves no numeric column; name fewer under drop")
    else:
        for name in features:
            found[name] = _named(column_of(frame, name, parameter="features", path=path), codes, decimal, path)
    seen = [code for read in found.values() for code in read.codes]
    return Features(
        pd.DataFrame({name: read.values for name, read in found.items()}, index=frame.index),
        left_out,
        [code for code in codes if not any(code is other or code == other for other in seen)],
        [name for name, read in found.items() if read.rounded],
    )


def _dropped(frame: pd.DataFrame, drop: Sequence[str], path: Path) -> set[str]:
    dropped: set[str] = set()
    for pattern in drop:
        matched = [pattern] if pattern in frame.columns else [n for n in frame.columns if fnmatchcase(n, pattern)]
        if not matched:
            raise LowlandError(f"{path}: drop names {pattern!r}, which matches no column; correct or remove it")
        dropped |= set(matched)
    return dropped


def _numeric_or_why(column: pd.Series, codes: Sequence[Value], decimal: str, path: Path) -> Numbers | str:
    """A column that ``all`` takes as numbers, or why it does not.

    Raises:
        LowlandError: Most cells are numbers, but not all: nothing says whether the column or these cells are wrong.
    """
    cells = cell.cells_of(column)
    if UNNAMED.fullmatch(str(column.name)):
        return "no name"
    if _counts_rows(cells):
        return "row numbers"
    read = cell.numbers(cells, codes, decimal=decimal)
    if read is None:
        return "dates" if cell.is_timed(cells) else str(cells.type)
    if not read.bad.any():
        return read
    if cell.seconds(cells) is not None:
        return "dates"
    like = cell.mask_of(pc.match_substring_regex(cells, LOOKS_LIKE_A_NUMBER)) & read.bad
    filled = int((np.isfinite(read.values) | read.bad).sum())
    if 2 * int(np.isfinite(read.values).sum() + like.sum()) > filled:
        raise LowlandError(
            f"{path}: {_first_bad(column, cells, read)}, and numbers in most other rows: "
            f"{_remedy(cells, read, decimal)}, or name the column under drop"
        )
    return "text"


def _counts_rows(cells: pa.Array) -> bool:
    """Whether cells are 0, 1, 2 ... or 1, 2, 3 ...: where rows are sorted, these would give answers away."""
    if not pa.types.is_integer(cells.type) or cells.null_count or len(cells) < 2:
        return False
    numbers = np.asarray(cells.to_numpy(zero_copy_only=False))
    return bool(numbers[0] in (0, 1) and (numbers == np.arange(len(numbers)) + int(numbers[0])).all())


def _named(column: pd.Series, codes: Sequence[Value], decimal: str, path: Path) -> Numbers:
    """A column that ``features`` names: numbers, or dates as seconds since 1970."""
    cells = cell.cells_of(column)
    read = cell.numbers(cells, codes, decimal=decimal)
    if read is not None and not read.bad.any():
        return read
    times = cell.seconds(cells)
    if times is not None:
        return Numbers(times, np.zeros(len(times), bool), (), False)
    if read is None:
        raise LowlandError(f"{path}: column {column.name!r} holds {cells.type}; expected numbers or dates")
    raise LowlandError(
        f"{path}: {_first_bad(column, cells, read)}; expected numbers: leave it out of features, or "
        f"{_remedy(cells, read, decimal)}"
    )


def _first_bad(column: pd.Series, cells: pa.Array, read: Numbers) -> str:
    place, count = int(np.argmax(read.bad)), int(read.bad.sum())
    others = f" ({count} such cells)" if count > 1 else ""
    return f"column {column.name!r} holds {cells[place].as_py()!r} in row {place + 1} below the header{others}"


def _remedy(cells: pa.Array, read: Numbers, decimal: str) -> str:
    """What may be wrong with the first cell that is no number."""
    text = str(cells[int(np.argmax(read.bad))].as_py())
    if re.match(cell.NUMBER, text):
        return "it is beyond what float64 holds: use another unit" if decimal == "." else 'set decimal: "."'
    if decimal == "." and re.match(r"^[+-]?\d+,\d+$", text):
        return 'set decimal: "," (or take out what separates thousands)'
    if re.match(LOOKS_LIKE_A_NUMBER, text):
        return "take out what separates thousands"
    return "correct the cell, name what stands for a missing value under missing_codes"


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
    return pd.Series(cell.cells_of(column).to_pandas().to_numpy(), column.index, name=column.name)
