"""Rated texts, read from files of three columns: number, mean rating of people, text."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lowland.errors import LowlandError

LARGEST_RATING = 4.0
COLUMNS = "number, rating and text between tabs"


def read_ratings(path: Path, *, has_documents: bool) -> pd.DataFrame:
    """The texts of a file.

    Args:
        path: The file: UTF-8, one text a line.
        has_documents: Whether numbers are of a document and of a sentence in it (``12_3``).

    Returns:
        Columns ``document`` (its number, or that of the line), ``rating`` (-4 to 4) and ``text``.

    Raises:
        LowlandError: One line: what the file holds that cannot be used, and where.
    """
    if not path.is_file():
        raise LowlandError(f"{path}: the file is missing; expected lines of {COLUMNS}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LowlandError(f"{path}: cannot be read ({error}); expected a text file in UTF-8") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if len(cells) != 3:
            raise LowlandError(f"{path}: line {number} has {len(cells)} columns; expected {COLUMNS}")
        name, rating, text = cells
        document = name.partition("_")[0] if has_documents else str(number)
        if not document.isdecimal():
            raise LowlandError(f"{path}: line {number} begins with {name!r}; expected a number, such as 12 or 12_3")
        rows.append((int(document), _rating(rating, where=f"{path}: line {number}"), text.strip()))
    if not rows:
        raise LowlandError(f"{path}: the file is empty; expected lines of {COLUMNS}")
    return pd.DataFrame(rows, columns=["document", "rating", "text"])


def _rating(written: str, *, where: str) -> float:
    try:
        rating = float(written)
    except ValueError:
        rating = math.nan
    if not abs(rating) <= LARGEST_RATING:
        raise LowlandError(
            f"{where} has the rating {written!r}; expected a number from {-LARGEST_RATING:g} to {LARGEST_RATING:g}"
        )
    return rating
