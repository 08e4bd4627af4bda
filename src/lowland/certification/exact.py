"""The largest deviation of a confidence over a box, by mixed-integer linear programmes."""

from __future__ import annotations

import torch

from lowland.certification.bounds import Bounds, Status
from lowland.certification.cells import bracketed
from lowland.certification.confidence import deviation_of_margins
from lowland.certification.encoding.encode import Encoder
from lowland.certification.margins import margin_bounds
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.sampling import best_disturbance, deviations


def programmed(query: Query, options: MethodOptions) -> Bounds:
    """The largest deviation: exact for two classes, as the sigmoid is monotone; proved from above for more.

    Args:
        query: The question; of several rows the largest.
        options: Until when, and how close.

    Raises:
        LowlandError: Outputs that are no classes, or an activation that is not made of linear pieces.
    """
    encoder = Encoder.of(query)
    rows = [
        _of_row(query, row, options, encoder)
        if query.inputs[slice(row, row + 1)].is_fixed
        else bracketed(query, row, options)
        for row in range(len(query))
    ]
    return largest_of(rows, options.tolerance)


def largest_of(rows: list[Bounds], tolerance: float) -> Bounds:
    """The largest of several values, each known from both sides.

    Args:
        rows: Of each.
        tolerance: Width at which the result is ``exact``.
    """
    lower, upper = max(row.lower for row in rows), max(row.upper for row in rows)
    deciding = [row for row in rows if row.upper > lower + tolerance] or [max(rows, key=lambda row: row.upper)]
    statuses = {row.status for row in deciding}
    order: tuple[Status, ...] = ("timeout", "unknown", "relaxed", "exact")
    return Bounds(lower, upper, next(status for status in order if status in statuses))


def _of_row(query: Query, row: int, options: MethodOptions, encoder: Encoder) -> Bounds:
    bounds = margin_bounds(query, row, options, encoder=encoder)
    upper = float(deviation_of_margins(bounds.undisturbed, bounds.least, bounds.greatest))
    lower = 0.0
    with torch.no_grad():
        for member in bounds.members:
            lower = max(lower, float(deviations(query, row, member).abs()))
    if upper - lower > options.tolerance and (bounds.timed_out or not bounds.exact or len(bounds.least) > 1):
        lower = max(lower, best_disturbance(query, row, options)[0])
    if bounds.exact and upper - lower <= options.tolerance:
        return Bounds.of(lower, upper, "exact")
    return Bounds.of(lower, upper, "timeout" if bounds.timed_out else "relaxed")
