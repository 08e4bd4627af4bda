"""Which columns of a user's table are features, and why the others are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lowland.errors import LowlandError
from lowland.tasks.table import cells as cell
from lowland.tasks.table.cells import Numbers, Value
from lowland.tasks.table.source import column_of
from lowland.tasks.table.times import is_timed, seconds

UNNAMED = re.compile(r"Unnamed: \d+|__index_level_\d+__")
"""What pandas calls a column that has no name, and a Parquet file an index that has none."""
LOOKS_LIKE_A_NUMBER = r"^[+-]?\d{1,3}([.,' ]\d{3})*([.,]\d+)?$|^[+-]?\d+,\d+$"


class CellFormat(NamedTuple):
    """How the cells of a table are written.

    Attributes:
        codes: Values that stand for a missing one.
        decimal: Mark of fractions in text.
    """

    codes: Sequence[Value] = ()
    decimal: str = "."


AS_USUAL = CellFormat()


class Features(NamedTuple):
    """The features of a table, and what became of the other columns.

    Attributes:
        values: In float64, NaN where missing.
        left_out: Columns that are not used though nothing else needs them, and why.
        unseen_codes: Codes for missing values that no feature holds.
        rounded: Features with whole numbers that float64 cannot distinguish.
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
    written: CellFormat = AS_USUAL,
    path: Path,
) -> Features:
    """The features as float64.

    Args:
        frame: The table as it was read.
        features: Their names in order, dates among them; ``all``: every numeric column that is neither reserved nor
            dropped nor counts the rows.
        drop: Names, or patterns (``label_*``), of columns that ``all`` leaves out; a column's name is no pattern.
        reserved: Columns that are never features.
        written: How missing values and fractions are written.
        path: Named in messages.

    Raises:
        LowlandError: A column is missing or holds no numbers, a pattern matches nothing, or nothing is left.
    """
    found: dict[str, Numbers] = {}
    left_out: dict[str, str] = {}
    if features == "all":
        dropped = _dropped(frame, drop, path)
        for name in frame.columns:
            if name in reserved:  # whatever a pattern says: it has its part
                continue
            if name in dropped:
                left_out[name] = "drop"
            else:
                read = _numeric_or_why(frame[name], written, path)
                if isinstance(read, str):
                    left_out[name] = read
                else:
                    found[name] = read
        if not found:
            raise LowlandError(f"{path}: features: all leaves no numeric column; name fewer under drop")
    else:
        for name in features:
            found[name] = _named(column_of(frame, name, parameter="features", path=path), written, path)
    seen = [code for read in found.values() for code in read.codes]
    return Features(
        pd.DataFrame({name: read.values for name, read in found.items()}, index=frame.index),
        left_out,
        [code for code in written.codes if not any(code is other or code == other for other in seen)],
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


def _numeric_or_why(column: pd.Series, written: CellFormat, path: Path) -> Numbers | str:
    """A column that ``all`` takes as numbers, or why it does not.

    Raises:
        LowlandError: Most cells are numbers, but not all: nothing says whether the column or these cells are wrong.
    """
    cells = cell.cells_of(column)
    if UNNAMED.fullmatch(str(column.name)):
        return "no name"
    if _counts_rows(cells):
        return "row numbers"
    read = cell.numbers(cells, written.codes, decimal=written.decimal)
    if read is None:
        return "dates" if is_timed(cells) else str(cells.type)
    if not read.bad.any():
        return read
    if seconds(cells) is not None:
        return "dates"
    like = cell.mask_of(pc.match_substring_regex(cells, LOOKS_LIKE_A_NUMBER)) & read.bad
    filled = int((np.isfinite(read.values) | read.bad).sum())
    if 2 * int(np.isfinite(read.values).sum() + like.sum()) > filled:
        raise LowlandError(
            f"{path}: {_first_bad(column, cells, read)}, where most rows hold numbers: "
            f"{_remedy(cells, read, written.decimal)}, or name the column under drop"
        )
    return "text"


def _counts_rows(cells: pa.Array) -> bool:
    """Whether cells are 0, 1, 2 ... or 1, 2, 3 ...: where rows are sorted, these would give answers away."""
    if not pa.types.is_integer(cells.type) or cells.null_count or len(cells) < 2:
        return False
    numbers = np.asarray(cells.to_numpy(zero_copy_only=False))
    return bool(numbers[0] in (0, 1) and (numbers == np.arange(len(numbers)) + int(numbers[0])).all())


def _named(column: pd.Series, written: CellFormat, path: Path) -> Numbers:
    """A column that ``features`` names: numbers, or dates as seconds since 1970."""
    cells = cell.cells_of(column)
    read = cell.numbers(cells, written.codes, decimal=written.decimal)
    if read is not None and not read.bad.any():
        return read
    times = seconds(cells)
    if times is not None:
        return Numbers(times, np.zeros(len(times), bool), (), False)
    if read is None:
        raise LowlandError(f"{path}: column {column.name!r} holds {cells.type}; expected numbers or dates")
    raise LowlandError(
        f"{path}: {_first_bad(column, cells, read)}; expected numbers: leave it out of features, or "
        f"{_remedy(cells, read, written.decimal)}"
    )


def wrong_cell(column: pd.Series, written: CellFormat) -> str:
    """Why a column that must be numbers is none, and what to do."""
    cells = cell.cells_of(column)
    read = cell.numbers(cells, written.codes, decimal=written.decimal)
    if read is None:
        return f"column {column.name!r} holds {cells.type}; expected numbers"
    return f"{_first_bad(column, cells, read)}; expected numbers: {_remedy(cells, read, written.decimal)}"


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
