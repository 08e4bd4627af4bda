"""The cells of a column, whatever its type: which are gaps, which are numbers, which are a given value."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

Value = bool | int | float | str | None
"""A value as YAML reads it: a class, or a code that stands for a missing value."""

GAPS = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
    *("-NaN", "-nan", "NaN", "nan", "NAN", "<NA>"),
    *("N/A", "n/a", "NA", "NULL", "null", "None"),
)
"""Texts that mean "nothing here" among numbers; among names of classes or groups they are names like others."""

TRUE, FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
YAML_WORDS: dict[Value, tuple[str, ...]] = {
    True: (*TRUE, "Yes", "YES", "yes", "On", "ON", "on"),
    False: (*FALSE, "No", "NO", "no", "Off", "OFF", "off"),
    None: ("Null", "NULL", "null", "~"),
}
"""What YAML reads as true, false and null: it hands on no spelling, so that all of them count as the same."""

EXACT = 2**53
"""Whole numbers beyond this are not all different in float64."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"^[+-]?([iI]nf|INF|[iI]nfinity|INFINITY)$"


def cells_of(column: pd.Series) -> pa.Array:
    """A column as Arrow holds it: categories as what they stand for, text without blanks around it, "" as a gap."""
    try:
        cells = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # several types in one column: only frames made in memory have that
        cells = pa.array(column.where(column.isna(), column.map(str)), from_pandas=True)
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    return tidied(cells)


def tidied(cells: pa.Array) -> pa.Array:
    """The same for cells as a file holds them."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_float16(cells.type):
        cells = cells.cast(pa.float32())
    if is_text(cells):
        cells = pc.utf8_trim_whitespace(cells.cast(pa.large_string()))
        cells = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.large_string()), cells)
    return cells


def is_text(cells: pa.Array) -> bool:
    """Whether cells are text."""
    kind = cells.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def mask_of(answers: pa.Array) -> NDArray[np.bool_]:
    """True, false or nothing a cell as a mask: nothing is false."""
    return np.asarray(pc.fill_null(answers, False).to_numpy(zero_copy_only=False), bool)


def equals(cells: pa.Array, value: Value) -> NDArray[np.bool_]:
    """Which cells are a value that YAML gave, compared in the column's own type.

    - Numbers: equal numbers, integers exactly, and a fraction as the column's type rounds it (0.1 in float32). A text
      that spells a number (``"2"``, not ``"02"``) counts as that number, true and false as 1 and 0.
    - True and false: these, 1 and 0, and the words that YAML reads as them.
    - Text: a text as it is spelled; a number as YAML writes it (2: ``2``; 2.0: ``2.0``); true, false and null in every
      spelling that YAML reads as them. ``""``: an empty cell.
    """
    kind = cells.type
    if is_text(cells):
        if value == "":
            return mask_of(cells.is_null())
        return mask_of(pc.is_in(cells, value_set=pa.array(spellings(value), cells.type)))
    if pa.types.is_boolean(kind):
        wanted = _truth(value)
        return np.zeros(len(cells), bool) if wanted is None else mask_of(pc.equal(cells, wanted))
    number = spelled_number(value)
    if number is None or not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return mask_of(cells.is_null()) if value == "" else np.zeros(len(cells), bool)
    own = _in_type(number, kind)
    return np.zeros(len(cells), bool) if own is None else mask_of(pc.equal(cells, own))


def spellings(value: Value) -> list[str]:
    """The texts that a value stands for: itself, or what YAML writes for a number and reads as true, false or null."""
    if isinstance(value, str):
        return [value.strip()]
    if value is None or isinstance(value, bool):
        return list(YAML_WORDS[value])
    written = yaml.safe_dump(value).splitlines()[0]
    return list(dict.fromkeys([repr(value), written]))


def spelled_number(value: Value) -> int | float | Decimal | None:
    """The number that a value is or spells without leading zeros, exactly; None: it is none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value if isinstance(value, int) or math.isfinite(value) else None
    text = value.strip()
    if not re.fullmatch(NUMBER, text, re.ASCII) or re.match(r"[+-]?0\d", text, re.ASCII):
        return None
    exact = Decimal(text)
    # a huge exponent would make an integer of as many digits
    return int(exact) if exact.adjusted() < 40 and exact == exact.to_integral_value() else exact


def _truth(value: Value) -> bool | None:
    if isinstance(value, str):
        return next((truth for truth in (True, False) if value.strip() in YAML_WORDS[truth]), None)
    return bool(value) if value in (0, 1) else None


def _in_type(number: int | float | Decimal, kind: pa.DataType) -> pa.Scalar | None:
    """A number in a column's type; None where that holds no such number."""
    exact = number if isinstance(number, Decimal) else Decimal(number)
    if pa.types.is_floating(kind):
        try:
            with np.errstate(over="ignore", under="ignore"):
                own = float(number) if pa.types.is_float64(kind) else float(np.float32(float(number)))
        except OverflowError:
            return None
        return pa.scalar(own, kind) if math.isfinite(own) else None
    try:
        if pa.types.is_integer(kind):
            # no rounding: -99.9 is no whole number
            return pa.scalar(int(exact), kind) if exact == int(exact) else None
        written = Decimal(repr(number)) if isinstance(number, float) else exact
        return pa.scalar(written, kind)
    except (pa.ArrowInvalid, OverflowError):  # out of the type's range
        return None


class Numbers(NamedTuple):
    """A column read as numbers.

    Attributes:
        values: [n] in float64, NaN in gaps.
        bad: [n], cells that are neither numbers nor gaps.
        codes: Which of the codes occurred.
        rounded: Whether whole numbers lie beyond what float64 holds exactly.
    """

    values: NDArray[np.float64]
    bad: NDArray[np.bool_]
    codes: tuple[Value, ...]
    rounded: bool


def numbers(cells: pa.Array, codes: Sequence[Value] = (), *, decimal: str = ".") -> Numbers | None:
    """Cells as float64, NaN where there is nothing, a text that means nothing, or a code; None: a type without numbers.

    Args:
        cells: From ``cells_of``.
        codes: Values that stand for a missing one. In text a number also stands for its other spellings.
        decimal: Mark of fractions in text.
    """
    text, kind = is_text(cells), cells.type
    coded = {code: equals(cells, code) for code in codes if code != ""}
    if text:
        values, known = spelled_numbers(cells, decimal)
        for code in coded:
            number = spelled_number(code)
            # beyond float64's exact range only the spelling distinguishes numbers
            if number is not None and not isinstance(code, bool) and -EXACT <= number <= EXACT:
                coded[code] = coded[code] | (values == float(number))
        gaps = mask_of(cells.is_null()) | mask_of(pc.is_in(cells, value_set=pa.array(GAPS, cells.type)))
        truths = mask_of(pc.is_in(cells, value_set=pa.array(TRUE + FALSE, cells.type)))
        filled = ~(gaps | np.any([*coded.values(), gaps], axis=0))
        if filled.any() and truths[filled].all():  # a column of booleans that a CSV file spells
            values = np.where(truths, mask_of(pc.is_in(cells, value_set=pa.array(TRUE, cells.type))), np.nan)
            known = truths
    elif pa.types.is_null(kind):
        values, known, gaps = np.full(len(cells), np.nan), np.zeros(len(cells), bool), np.ones(len(cells), bool)
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        gaps = mask_of(cells.is_null())
        values = np.asarray(cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
        known = ~gaps
    elif pa.types.is_floating(kind):
        values = np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        gaps, known = np.isnan(values), ~np.isnan(values)
    else:
        return None
    missing = np.any([*coded.values(), gaps], axis=0)
    values = np.where(known & ~missing, values, np.nan)
    whole = pa.types.is_integer(kind) or (text and decimal == ".")
    beyond = np.abs(values) >= EXACT
    if text and beyond.any():
        beyond &= mask_of(pc.match_substring_regex(cells, r"^[+-]?\d+$"))
    found = tuple(code for code, mask in coded.items() if mask.any())
    return Numbers(values, ~known & ~missing, found, bool(whole and beyond.any()))


def spelled_numbers(cells: pa.Array, decimal: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Text as numbers, and which cells are some; what float64 cannot hold is none."""
    if decimal == ",":
        mixed = pc.match_substring(cells, ".")
        cells = pc.if_else(mixed, pa.scalar("", cells.type), pc.replace_substring(cells, ",", "."))
    spelled = mask_of(pc.match_substring_regex(cells, NUMBER))
    endless = mask_of(pc.match_substring_regex(cells, INFINITE))
    lowered = pc.utf8_lower(pc.if_else(pa.array(spelled | endless), cells, pa.scalar(None, cells.type)))
    values = np.asarray(pc.cast(lowered, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    # 1e400 became infinite and 1e-400 zero: neither is what is written
    lost = spelled & np.isinf(values)
    if (zero := spelled & (values == 0)).any():
        lost |= zero & mask_of(pc.match_substring_regex(cells, r"^[^eE]*[1-9]"))
    known = (spelled | endless) & ~lost
    return np.where(known, values, np.nan), known
