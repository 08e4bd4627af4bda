"""What a task takes from a table: rows, features with their gaps, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHOWN = 8


def lines_of(listing: dict[str, Any], *, target: str) -> list[str]:
    """The listing for the console: a line about rows, one about columns.

    Args:
        listing: As ``Table.fetch`` attaches it to the raw table.
        target: Distinguishes tasks on the same file.
    """
    features, gaps = listing["features"], sum(column["gaps"] for column in listing["features"])
    lost = [f"{listing['rows_without_target']} without a target in use"]
    if listing["missing"] == "drop":
        lost.append(f"{listing['rows_dropped_for_gaps']} dropped for gaps")
    rows = f"{target} from {listing['file']}: {listing['rows_used']} of {listing['rows']} rows ({', '.join(lost)})"
    named = [f"{column['name']} ({_gaps(column['gaps'])})" if column["gaps"] else column["name"] for column in features]
    # the gaps first, where the list is cut short
    named = sorted(named, key=lambda name: not name.endswith((" gap)", " gaps)"))) if len(named) > SHOWN else named
    filled = {"mean": "set to the training mean", "drop": "in rows left out", "refuse": "refused"}[listing["missing"]]
    columns = f"{len(features)} feature{'s'[: len(features) > 1]}: {_short(named)}"
    if gaps:
        columns += f"; {_gaps(gaps)} in all, {filled}"
    if listing["left_out"]:
        columns += "; left out: " + _short([f"{column['name']} ({column['why']})" for column in listing["left_out"]])
    return [rows, columns]


def _gaps(count: int) -> str:
    return "1 gap" if count == 1 else f"{count} gaps"


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
