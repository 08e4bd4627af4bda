"""Files of wafers: trigger-cell charges as integers, or as the words that the ASIC receives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.econ.hgcal import CELLS

CHARGES = tuple(f"CALQ_{cell}" for cell in range(CELLS))
WORDS = tuple(f"RX_DATA_{word}" for word in range(12))

# Which of the 48 values in the 12 words (four a word, first word first, most significant bits first) is which cell:
# the wiring of low-density modules, by ``TC_Number`` and ``ECON_TC_Number_PreMux`` in dnoonan08/HGCAL_Scripts,
# VerificationData/LDM_TC_Mapping.csv. In this order the charges of neighbouring cells correlate more than in that of
# the words (docs/data/econ.md).
VALUE_OF_CELL = np.array(
    (
        *(29, 28, 27, 26, 30, 31, 25, 24, 22, 21, 18, 16, 23, 20, 19, 17),
        *(15, 12, 11, 10, 14, 13, 8, 9, 6, 5, 2, 0, 7, 4, 3, 1),
        *(44, 43, 42, 41, 47, 45, 40, 32, 46, 39, 35, 33, 38, 37, 36, 34),
    )
)

MANTISSA_BITS = 3
VALUE_BITS = 7


def csv_files(path: Path) -> tuple[Path, ...]:
    """The CSV files of a directory in the order of their names, or the path itself."""
    return tuple(sorted(path.glob("*.csv"))) if path.is_dir() else (path,)


def read_wafers(path: Path) -> pd.DataFrame:
    """Charges of one or many CSV files: columns ``CALQ_0`` ... ``CALQ_47``, or ``RX_DATA_0`` ... ``RX_DATA_11`` in hex.

    Args:
        path: A file, or a directory whose CSV files are read in the order of their names. Other columns are ignored.

    Returns:
        One row a wafer, columns ``CALQ_0`` ... ``CALQ_47``, integers of at least 0; empty wafers included.

    Raises:
        LowlandError: Nothing to read, a file that is no such table, or values that are no charges; one line that names
            the file.
    """
    if not path.exists():
        raise LowlandError(f"{path}: does not exist; expected a CSV file with columns {_span(CHARGES)}, or a directory")
    files = csv_files(path)
    if not files:
        raise LowlandError(f"{path}: the directory holds no .csv file; expected some with columns {_span(CHARGES)}")
    try:
        return pd.concat([_read_file(file) for file in files], ignore_index=True)
    except LowlandError as error:
        if not path.is_dir():
            raise
        raise LowlandError(
            f"{error}; all {len(files)} CSV files of the directory {path} are read as one set of wafers: move this one "
            "away, or name a single file"
        ) from None


def _read_file(path: Path) -> pd.DataFrame:
    try:
        columns = pd.read_csv(path, nrows=0).columns
        if set(WORDS) <= set(columns):
            words = pd.read_csv(path, usecols=list(WORDS), dtype=str, keep_default_na=False)
            return pd.DataFrame(decoded(words[list(WORDS)].to_numpy(dtype=str), str(path)), columns=list(CHARGES))
        check_columns(columns, str(path))
        table = pd.read_csv(path, usecols=list(CHARGES), low_memory=False)[list(CHARGES)]
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise LowlandError(f"{path}: cannot be read ({reason}); expected a CSV file") from None
    check_charges(table, str(path))
    return table.astype(np.int64)


def check_columns(columns: Sequence[object], origin: str) -> None:
    """Refuse a table without all 48 charges.

    Raises:
        LowlandError: A column is missing.
    """
    missing = [name for name in CHARGES if name not in columns]
    if missing:
        raise LowlandError(
            f"{origin}: column {missing[0]!r} is missing ({len(missing)} of {CELLS} are); expected {_span(CHARGES)} "
            f"(or {_span(WORDS)}); the file has {', '.join(map(str, columns[:4]))}{' ...' if len(columns) > 4 else ''}"
        )


def check_charges(table: pd.DataFrame, origin: str) -> None:
    """Refuse charges that are none.

    Args:
        table: Columns ``CALQ_0`` ... ``CALQ_47``.
        origin: File or source named in the message.

    Raises:
        LowlandError: With the first defect: text, NaN, negative or non-integer charges, no charge in any wafer.
    """
    for name in CHARGES:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise LowlandError(f"{origin}: column {name!r} holds {table[name].dtype}; expected integers of at least 0")
    charges = table[list(CHARGES)].to_numpy(np.float64, na_value=np.nan)
    defects = {
        "missing or infinite": ~np.isfinite(charges),
        "negative": charges < 0,
        "non-integer": charges != np.floor(charges),
    }
    for what, where in defects.items():
        if where.any():
            row, cell = np.argwhere(where)[0]
            raise LowlandError(
                f"{origin}: {int(where.sum())} {what} charges, the first in column {CHARGES[cell]!r}, row {row} "
                f"({charges[row, cell]:g}); expected integers of at least 0: correct or drop these rows"
            )
    if not charges.any():
        raise LowlandError(f"{origin}: all {len(charges)} wafers are empty; expected some with charge")


def decoded(words: NDArray[np.str_], origin: str) -> NDArray[np.int64]:
    """Charges [n, 48] from the words [n, 12] that the ASIC receives, in hex.

    A word of 32 bits holds a header of 4 and four cells of 7, most significant first; a cell has an exponent e of 4
    bits and a mantissa m of 3: m if e = 0, else (8 + m) · 2^(e − 1).

    Raises:
        LowlandError: A word that is not hex or has more than 32 bits.
    """
    try:
        numbers = np.array([int(word, 16) for word in words.ravel()], dtype=np.int64).reshape(words.shape)
    except (ValueError, OverflowError):
        numbers = np.full(words.shape, -1)
    if not ((numbers >= 0) & (numbers < 2**32)).all():
        bad = next(word for word in words.ravel() if not _is_word(word))
        raise LowlandError(f"{origin}: a word is {str(bad)!r}; expected 32 bits in hex, such as 9145cb96")
    shifts = VALUE_BITS * np.arange(3, -1, -1)
    values = (numbers[:, :, None] >> shifts & 2**VALUE_BITS - 1).reshape(len(numbers), CELLS)
    exponent, mantissa = values >> MANTISSA_BITS, values & 2**MANTISSA_BITS - 1
    charges = np.where(exponent == 0, mantissa, 2**MANTISSA_BITS + mantissa << np.maximum(exponent - 1, 0))
    return charges[:, VALUE_OF_CELL]


def _is_word(text: str) -> bool:
    try:
        return 0 <= int(text, 16) < 2**32
    except ValueError:
        return False


def _span(names: Sequence[str]) -> str:
    return f"{names[0]} to {names[-1]}"


def normalised(charges: NDArray[np.int64]) -> NDArray[np.float32]:
    """Charges [n, 48] of every wafer divided by the power of two that is at most their sum, as float32.

    Exact: wafers that differ by a power of two alone become the same. Every wafer must have some charge.
    """
    _, exponent = np.frexp(charges.sum(1).astype(np.float64))
    return np.ldexp(charges, 1 - exponent[:, None]).astype(np.float32)
