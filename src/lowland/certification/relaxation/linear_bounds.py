"""Backward: linear bounds of whatever is asked, from the operation that it is about to the network's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lowland.certification.query import Query
from lowland.certification.real_network import Operation, RealNetwork
from lowland.certification.relaxation.elementwise import lines_of
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval, below, roundoff
from lowland.certification.relaxation.intervals import begun, interval_bounds, learn
from lowland.certification.relaxation.linear import MOVING
from lowland.certification.relaxation.rules import RULES
from lowland.certification.relaxation.tuning import Tuning, relu_pull
from lowland.quantization.graph.operators import kind_of
from lowland.quantization.graph.step import INPUTS

Method = Literal["interval", "crown_ibp", "crown"]
"""``interval``: intervals alone. ``crown_ibp``: linear bounds of the outputs, intervals before. ``crown``: linear
bounds of everything (full backward)."""
_NUMBERS = 2**18
"""How many coefficients are computed at once (2 MB): they stay in the cache."""


def enclose(query: Query, method: Method, limits: Mapping[str, Interval] | None = None) -> Enclosure:
    """Every operation's results for every row.

    Linear bounds are ``smallest`` of single results and of their opposites, which is never wider than intervals: with
    ``crown_ibp`` those of the outputs, with ``crown`` those of every operation that sums and whose results a function
    or another sum takes.

    Args:
        query: Network, box of its parameters and inputs.
        method: See ``Method``.
        limits: Intervals that some operations' results are to stay in, by name.

    Raises:
        ValueError: Another method.
    """
    if method not in ("interval", "crown_ibp", "crown"):
        raise ValueError(f"method is {method!r}; expected 'interval', 'crown_ibp' or 'crown'")
    if method == "interval":
        return interval_bounds(query, limits)
    enclosure = begun(query)
    sharpened = {query.network.output.name} | (_sharpened(query.network) if method == "crown" else set())
    for operation in query.network.operations.values():
        interval = RULES[operation.kind].interval(enclosure, operation)
        if operation.name in sharpened:
            enclosure.intervals[operation.name] = interval
            interval = interval & _own_bounds(enclosure, operation)
        learn(enclosure, operation.name, interval, limits)
    return enclosure


def smallest(enclosure: Enclosure, objectives: Tensor, operation: str | None = None) -> Tensor:
    """Lower bounds of sums of results, each the best of those at all operations on the way back to the inputs.

    The coefficients of the sum are pulled back from operation to operation (Zhang et al. 2018, CROWN); at each of them
    the sum is at least what the intervals there leave of it. That of the first is interval arithmetic, that of the last
    CROWN: the bound is never below the better of both.

    Args:
        enclosure: Intervals of everything before.
        objectives: Coefficients [rows or 1, objectives, *shape].
        operation: Whose results are summed; by default the network's outputs.

    Returns:
        [rows, objectives], infinite for rows whose limits cannot be held.
    """
    rows, name = len(enclosure.query), operation or enclosure.query.network.output.name
    for each in enclosure.query.network.operations.values():  # lines are drawn for all rows, once
        if each.kind in ("activation", "rounding") and each.inputs[0] in enclosure.intervals:
            lines_of(enclosure, each)
        if each.name == name:
            break
    widest = max(interval.lower[0].numel() for interval in enclosure.intervals.values())
    parts = []
    for some in _blocks(objectives.shape[1], max(1, _NUMBERS // widest)):
        coefficients = objectives[:, some]
        at_once = max(1, _NUMBERS // (coefficients.shape[1] * widest))
        found = [
            _smallest(_rows_of(enclosure, part), coefficients if len(coefficients) == 1 else coefficients[part], name)
            for part in _blocks(rows, at_once)
        ]
        parts.append(torch.cat(found))
    bounds = torch.cat(parts, 1)
    return torch.where(enclosure.empty.unsqueeze(1), torch.inf, bounds)


def _smallest(enclosure: Enclosure, coefficients: Tensor, name: str) -> Tensor:
    best = torch.full((len(enclosure.query), coefficients.shape[1]), -torch.inf, dtype=torch.float64)
    for step in way_back(enclosure, coefficients, name):
        best = best.maximum(step.bound)
    return best


@dataclass(frozen=True, eq=False)
class Step:
    """Where a sum has been pulled back to.

    Attributes:
        bound: What is proved of it here [rows, objectives].
        pending: Coefficients by name of the results that it is now a sum of.
    """

    bound: Tensor
    pending: Mapping[str, Tensor]


def way_back(enclosure: Enclosure, coefficients: Tensor, name: str, tuning: Tuning | None = None) -> Iterator[Step]:
    """A sum of results pulled back to the inputs, with the bound at every operation; all bounds hold.

    Args:
        enclosure: Intervals of everything before.
        coefficients: [rows or 1, objectives, *shape].
        name: Of the operation whose results are summed.
        tuning: Slopes and multipliers to take.
    """
    pending = {name: coefficients}
    constant = coefficients.new_zeros(len(enclosure.query), coefficients.shape[1])
    yield Step(_least(enclosure, pending, constant), pending)
    operations = enclosure.query.network.operations
    for source in reversed(list(operations)):
        if source not in pending:
            continue
        operation = operations[source]
        if tuning is not None and source in tuning.multipliers:
            added = tuning.signs[source].unsqueeze(1) * tuning.multipliers[source]
            pending[source], lost = _joined(pending[source], added, enclosure.intervals[source])
            constant = below(constant - lost)
        if tuning is not None and source in tuning.slopes:
            pulled, gained = relu_pull(enclosure, operation, pending.pop(source), tuning.slopes[source])
        else:
            pulled, gained = RULES[operation.kind].pull(enclosure, operation, pending.pop(source))
        constant = below(constant + gained)
        for operand, part in zip(operation.inputs, pulled, strict=True):
            if operand in pending:
                part, lost = _joined(pending[operand], part, enclosure.intervals[operand])
                constant = below(constant - lost)
            pending[operand] = part
        yield Step(_least(enclosure, pending, constant), dict(pending))


def _joined(first: Tensor, second: Tensor, values: Interval) -> tuple[Tensor, Tensor]:
    """The sum of coefficients of the same values, and how much float64 may have rounded away of its product."""
    sizes = (first.abs() + second.abs()) * values.size.unsqueeze(1)
    return first + second, roundoff(values.lower[0].numel()) * sizes.flatten(2).sum(-1)


def _least(enclosure: Enclosure, pending: Mapping[str, Tensor], constant: Tensor) -> Tensor:
    """The least of sums of values in their intervals."""
    total = constant
    for name, coefficients in pending.items():
        values = enclosure.intervals[name]
        middle = (values.lower / 2 + values.upper / 2).flatten(1)
        half = (values.upper / 2 - values.lower / 2).flatten(1)
        # What a product rounds away is a share of both sizes: as if intervals were so much larger.
        half = half + roundoff(middle.shape[1]) * (values.size.flatten(1) + half)
        flat = coefficients.flatten(2)
        total = below(total + (_products(flat, middle) - _products(flat.abs(), half)))
    return total


def _products(coefficients: Tensor, values: Tensor) -> Tensor:
    """[rows or 1, objectives, n] times [rows, n]."""
    if len(coefficients) == 1:
        return values @ coefficients[0].T
    return (coefficients @ values.unsqueeze(-1)).squeeze(-1)


def _own_bounds(enclosure: Enclosure, operation: Operation) -> Interval:
    """Linear bounds of every element of an operation's results."""
    size = enclosure.intervals[operation.name].lower[0].numel()
    lower, upper = [], []
    for some in _blocks(size, 256):
        units = torch.zeros(1, some.stop - some.start, size, dtype=torch.float64)
        units[0, torch.arange(len(units[0])), torch.arange(some.start, some.stop)] = 1.0
        units = units.unflatten(2, enclosure.intervals[operation.name].lower.shape[1:])
        lower.append(smallest(enclosure, units, operation.name))
        upper.append(-smallest(enclosure, -units, operation.name))
    shape = enclosure.intervals[operation.name].lower.shape
    empty = enclosure.empty.reshape(-1, *[1] * (len(shape) - 1))
    known = enclosure.intervals[operation.name]
    return Interval(
        torch.where(empty, known.lower, torch.cat(lower, 1).reshape(shape)),
        torch.where(empty, known.upper, torch.cat(upper, 1).reshape(shape)),
    )


def _sharpened(network: RealNetwork) -> set[str]:
    """Operations whose results another one takes that gains by better intervals, and which sum themselves."""
    taken = {
        source
        for operation in network.operations.values()
        if operation.kind != "linear"
        for source in _origins(network, operation.inputs)
    }
    return {
        operation.name
        for operation in network.operations.values()
        if operation.name in taken and (operation.kind == "weighted" or _sums(operation))
    }


def _origins(network: RealNetwork, names: tuple[str, ...]) -> Iterator[str]:
    """The operations behind changes of shape."""
    for name in names:
        if name != INPUTS:
            operation = network.operations[name]
            yield name
            if operation.kind == "linear" and not _sums(operation):
                yield from _origins(network, operation.inputs)


def _sums(operation: Operation) -> bool:
    return operation.kind == "linear" and kind_of(operation.layer) not in MOVING


def _rows_of(enclosure: Enclosure, rows: slice) -> Enclosure:
    """The same for some rows."""
    if rows.stop - rows.start == len(enclosure.query):
        return enclosure
    return Enclosure(
        enclosure.query[rows],
        {name: interval[rows] for name, interval in enclosure.intervals.items()},
        enclosure.empty[rows],
        enclosure.moving,
        {name: lines[rows] for name, lines in enclosure.lines.items()},
    )


def _blocks(size: int, at_once: int) -> Iterator[slice]:
    for start in range(0, size, at_once):
        yield slice(start, min(start + at_once, size))
