"""Forward: the interval of every operation from those of its operands."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from lowland.certification.query import Query
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.rules import RULES
from lowland.quantization.graph.step import INPUTS


def interval_bounds(query: Query, limits: Mapping[str, Interval] | None = None) -> Enclosure:
    """Every operation's results by interval arithmetic: the cheapest bounds.

    Args:
        query: Network, box of its parameters and inputs.
        limits: Intervals that some operations' results are to stay in, by name: of all weights and inputs only those
            count that hold them.
    """
    enclosure = begun(query)
    for operation in query.network.operations.values():
        learn(enclosure, operation.name, RULES[operation.kind].interval(enclosure, operation), limits)
    return enclosure


def begun(query: Query) -> Enclosure:
    """An enclosure that knows the inputs alone."""
    inputs = Interval(query.inputs.lower, query.inputs.upper)
    return Enclosure(query, {INPUTS: inputs}, torch.zeros(len(query), dtype=torch.bool))


def learn(enclosure: Enclosure, name: str, interval: Interval, limits: Mapping[str, Interval] | None = None) -> None:
    """Adds what is known of an operation; rows whose limits cannot be held are noted as empty.

    Args:
        enclosure: To be added to.
        name: Of the operation.
        interval: Of its results.
        limits: As for ``interval_bounds``.
    """
    if limits is not None and name in limits:
        interval = interval & limits[name]
        crossed = interval.lower > interval.upper
        enclosure.empty = enclosure.empty | crossed.flatten(1).any(1)
        interval = Interval(torch.where(crossed, interval.upper, interval.lower), interval.upper)
    enclosure.intervals[name] = interval
