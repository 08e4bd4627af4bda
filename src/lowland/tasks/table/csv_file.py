"""CSV files as text: what separates, how it is encoded, and that every line has as many fields as the header."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lowland.errors import LowlandError
from lowland.tasks.table.cells import FALSE, TRUE, mask_of, spelled_numbers, tidied

SEPARATORS = {",": ",", ";": ";", "tab": "\t", "|": "|"}
LOOKED_AT = 20  # lines below the header that show the separator, where the header alone does not
AT_ONCE = 20_000  # lines, so that a large file is never a list of Python strings


class CsvFormat(NamedTuple):
    """How a CSV file is written.

    Attributes:
        separator: One of ``SEPARATORS``; ``auto``: found from the first lines.
        decimal: Mark of fractions.
        encoding: Of the text; a byte-order mark decides by itself.
    """

    separator: str = "auto"
    decimal: str = "."
    encoding: str = "utf-8"


def read_csv(path: Path, how: CsvFormat) -> pa.Table:
    """All columns of a CSV file; a column in which every filled cell is a number, or true or false, has that type.

    Codes with leading zeros (``010``) are text, and so is every column that has one. Blank lines are skipped.

    Raises:
        LowlandError: The encoding is another, or a line has more or fewer fields than the header, by its number.
        csv.Error, OSError, EOFError: The file is damaged.
    """
    encoding = _encoding(path, how.encoding)
    try:
        separator = how.separator if how.separator != "auto" else _separator(path, encoding, how.decimal)
        with _lines(path, encoding) as lines:
            rows = _rows(lines, separator)
            _, header = next(rows, (0, []))
            names = _names(header)
            width = len(names)
            columns: list[list[pa.Array]] = [[] for _ in names]
            while block := list(islice(rows, AT_ONCE)):
                filled = [_fitted(row, width, number, names, path) for number, row in block]
                for column, values in zip(columns, zip(*filled, strict=True), strict=True):
                    column.append(pa.array(values, pa.large_string()))
    except UnicodeDecodeError:
        raise LowlandError(_wrong_encoding(path, encoding)) from None
    if not names:
        raise LowlandError(f"{path}: cannot be read (No columns); expected a complete CSV file")
    typed = [_typed(pa.chunked_array(parts, pa.large_string()).combine_chunks(), how.decimal) for parts in columns]
    return pa.table(typed, schema=pa.schema([(name, cells.type) for name, cells in zip(names, typed, strict=True)]))


@contextmanager
def _lines(path: Path, encoding: str) -> Iterator[IO[str]]:
    name = path.name.lower()
    with (
        gzip.open(path, "rt", encoding=encoding, newline="")
        if name.endswith(".gz")
        else path.open(encoding=encoding, newline="")
    ) as lines:
        yield lines


def _bytes(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _rows(lines: IO[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows and the number of their last line; blank lines are none."""
    reader = csv.reader(lines, delimiter=SEPARATORS[separator], skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from None


def _separator(path: Path, encoding: str, decimal: str) -> str:
    """What divides the header into most fields, and the lines below it into as many."""
    best, rank = ",", (False, 1)
    for name in SEPARATORS:
        if name == decimal:
            continue
        with _lines(path, encoding) as lines:
            try:
                widths = [len(row) - (row[-1] == "") for _, row in islice(_rows(lines, name), LOOKED_AT + 1)]
            except csv.Error:
                continue
        if widths and widths[0] > 1 and (found := (len(set(widths)) == 1, widths[0])) > rank:
            best, rank = name, found
    return best


def _names(header: list[str]) -> list[str]:
    """Names without blanks around them; columns without one are named as pandas does."""
    return [name.strip() or f"Unnamed: {place}" for place, name in enumerate(header)]


def _fitted(row: list[str], width: int, number: int, names: list[str], path: Path) -> list[str]:
    """A row of the header's width: a separator at a line's end opens no further field."""
    if len(row) == width:
        return row
    if len(row) > width and not any(field.strip() for field in row[width:]):
        return row[:width]
    if len(row) == width - 1 and names[-1] == f"Unnamed: {width - 1}":  # the header alone ends in a separator
        return [*row, ""]
    remedy = (
        "correct the line, give every column a name in the header, or set separator"
        if len(row) > width
        else "correct the line, or get the complete file"
    )
    raise LowlandError(
        f"{path}: cannot be read: line {number} has {len(row)} fields; expected {width}, as in the header: {remedy}"
    )


def _encoding(path: Path, wanted: str) -> str:
    with _bytes(path) as file:
        start = file.read(4)
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    return "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else wanted


def _wrong_encoding(path: Path, encoding: str) -> str:
    """Which line holds a byte that the encoding does not know."""
    if encoding == "utf-16":
        return f"{path}: cannot be read (it begins as UTF-16 and is damaged); expected a complete CSV file"
    with _bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return (
                    f"{path}: cannot be read: line {number} holds the byte 0x{line[error.start]:02x}, which is not "
                    f"{encoding.upper()}; save the file as UTF-8, or set encoding (latin-1 and cp1252 are common)"
                )
    return f"{path}: cannot be read as {encoding}; save the file as UTF-8, or correct encoding"


def _typed(cells: pa.Array, decimal: str) -> pa.Array:
    """Cells in the type that all filled ones spell, else text: no two different names may become the same."""
    cells = tidied(cells)
    filled = cells.drop_null()
    if not len(filled):
        return pa.nulls(len(cells))
    if _all(filled, r"^-?(0|[1-9]\d*)$"):
        for kind in (pa.int64(), pa.uint64()):
            try:
                return cells.cast(kind)
            except pa.ArrowInvalid:  # longer than the type
                continue
        return cells
    if mask_of(pc.is_in(filled, value_set=pa.array(TRUE + FALSE, filled.type))).all():
        return pc.if_else(cells.is_valid(), pc.is_in(cells, value_set=pa.array(TRUE, cells.type)), None)
    whole, powers = (mask_of(pc.match_substring_regex(filled, p)).any() for p in (r"^[+-]?\d+$", r"^[+-]?\d+[eE]"))
    zeros = mask_of(pc.match_substring_regex(filled, r"^[+-]?0\d")).any()
    values, known = spelled_numbers(cells, decimal)
    if (whole and powers) or zeros or not np.isfinite(values[known]).all() or known.sum() < len(filled):
        return cells  # 010 and 10, 10 and 1e1 are different names
    return pa.array(values, mask=~known)


def _all(cells: pa.Array, pattern: str) -> bool:
    return bool(mask_of(pc.match_substring_regex(cells, pattern)).all())
