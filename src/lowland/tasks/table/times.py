"""Dates, times and durations of a column as seconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lowland.tasks.table.cells import GAPS, is_text, mask_of

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_timed(cells: pa.Array) -> bool:
    """Whether cells are dates, times or durations."""
    return bool(pa.types.is_temporal(cells.type))


def seconds(cells: pa.Array, *, from_first: bool = False) -> NDArray[np.float64] | None:
    """Dates, times and durations as seconds, NaN in gaps; None: the cells are something else.

    Text counts where every filled cell is an ISO date (``2020-01-31``, ``2020-01-31T12:00:00.5+02:00``), all with a
    time zone or none.

    Args:
        cells: From ``cells_of``.
        from_first: Since the earliest, so that no fraction is lost; else since 1970-01-01, UTC.
    """
    if is_text(cells):
        filled = pc.if_else(pc.is_in(cells, value_set=pa.array(GAPS, cells.type)), pa.scalar(None, cells.type), cells)
        read = _dates(filled)
        if read is None:
            return None
        cells = read
    if not is_timed(cells) or pa.types.is_interval(cells.type):
        return None
    if pa.types.is_date(cells.type):
        cells = cells.cast(pa.timestamp("s"))
    elif pa.types.is_time32(cells.type):
        cells = cells.cast(pa.time64("us"))
    counts, unit = cells.cast(pa.int64()), UNITS[cells.type.unit]
    if from_first and counts.null_count < len(counts):
        # in whole ticks: seconds since 1970 in float64 lose those of a nanosecond
        counts = pc.subtract(counts, pc.min(counts))
    ticks = np.asarray(pc.fill_null(counts, 0).to_numpy(zero_copy_only=False), np.int64)
    return np.where(mask_of(counts.is_null()), np.nan, ticks // unit + (ticks % unit) / unit)


def _dates(texts: pa.Array) -> pa.Array | None:
    """ISO dates, in microseconds where these suffice."""
    if (
        texts.null_count == len(texts)
        or not mask_of(pc.fill_null(pc.match_substring_regex(texts, r"^\d{4}-\d{2}-\d{2}"), True)).all()
    ):
        return None
    for unit in ("us", "ns"):
        for zone in (None, "UTC"):
            try:
                return texts.cast(pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
    return None
