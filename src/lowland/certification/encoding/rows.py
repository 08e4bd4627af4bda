"""A scalar network as the rows of a mixed-integer linear programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowland.certification.encoding.scalar_network import (
    Numbers,
    Places,
    PositiveParts,
    ScalarNetwork,
    Sums,
    block_places,
)
from lowland.certification.programme import Programme


@dataclass(eq=False)
class Rows:
    """A programme whose first variables are the values of a scalar network.

    Attributes:
        programme: Its rows and variables.
        columns: The variable of every value.
        signs: The binary variable that says whether a value is positive, by the value's place.
    """

    programme: Programme
    columns: Places
    signs: dict[int, int]


def rows_of(network: ScalarNetwork, lower: Numbers, upper: Numbers) -> Rows:
    """The programme of all values that a network takes between some ends.

    A positive part p of u in (l, h) with l < 0 < h has a binary a: p >= 0, p >= u, p <= h a, p <= u - l (1 - a). |u| is
    2 p - u.

    Args:
        network: The values.
        lower: Their lower ends [values].
        upper: Their upper ends.
    """
    programme = Programme()
    columns = programme.add_variables(lower, upper)
    rows = Rows(programme, columns, {})
    parts: dict[int, int] = {}
    for block in network.blocks:
        if isinstance(block, PositiveParts):
            _positive_rows(block_places(block), block.sources, lower, upper, rows, parts)
        else:
            _sum_rows(block, lower, upper, rows, parts)
    return rows


def _positive_rows(
    results: Places, sources: Places, lower: Numbers, upper: Numbers, rows: Rows, parts: dict[int, int]
) -> None:
    active = lower[sources] >= 0
    rows.columns[results[active]] = rows.columns[sources[active]]  # the same number
    opened = ~active & (upper[sources] > 0)
    for result, source in zip(results[opened].tolist(), sources[opened].tolist(), strict=True):
        if source in parts:  # its positive part stands already
            rows.columns[result] = rows.columns[parts[source]]
        else:
            parts[source] = result
    first = [parts.get(source) == result for source, result in zip(sources.tolist(), results.tolist(), strict=True)]
    new = opened & np.array(first, dtype=bool)
    _split(rows, sources[new], rows.columns[results[new]], lower, upper)


def _split(rows: Rows, sources: Places, results: Places, lower: Numbers, upper: Numbers) -> None:
    """Rows of positive parts that are in new variables ``results``."""
    count = len(sources)
    if not count:
        return
    programme, values = rows.programme, rows.columns[sources]
    low, high = lower[sources], upper[sources]
    signs = programme.add_variables(np.zeros(count), np.ones(count), integer=True)
    rows.signs.update(zip(sources.tolist(), signs.tolist(), strict=True))
    one = np.ones(count)
    programme.add_rows([(results, one), (values, -one)], np.zeros(count), None)
    programme.add_rows([(results, one), (signs, -high)], None, np.zeros(count))
    programme.add_rows([(results, one), (values, -one), (signs, -low)], None, -low)


def _sum_rows(block: Sums, lower: Numbers, upper: Numbers, rows: Rows, parts: dict[int, int]) -> None:
    programme = rows.programme
    results = rows.columns[block_places(block)]
    sources = block.sources
    if not block.moves:
        programme.add_matrix(results, [(rows.columns[sources], block.weights)], block.biases, block.biases)
        return
    above, below = block.biases + block.bias_radii, block.biases - block.bias_radii
    if block.radii is None:
        programme.add_matrix(results, [(rows.columns[sources], block.weights)], below, above)
        return
    straddling = (lower[sources] < 0) & (upper[sources] > 0) & block.radii.any(axis=0)
    missing = np.unique([source for source in sources[straddling] if int(source) not in parts])
    if len(missing):
        new = programme.add_variables(np.zeros(len(missing)), upper[missing])
        # Positive parts that are no values of the network: their places lie behind all of them.
        places = np.arange(len(rows.columns), len(rows.columns) + len(missing))
        rows.columns = np.concatenate([rows.columns, new])
        parts.update(zip(missing.tolist(), places.tolist(), strict=True))
        _split(rows, missing.astype(np.intp), new, lower, upper)
    # |u| = s u where the sign s is known, 2 p - u elsewhere.
    signs = np.where(upper[sources] <= 0, -1.0, np.where(straddling, -1.0, 1.0))
    positive = np.array([rows.columns[parts[int(source)]] for source in sources[straddling]], dtype=np.intp)
    doubled = 2.0 * block.radii[:, straddling]
    values = rows.columns[sources]
    programme.add_matrix(results, [(values, block.weights + block.radii * signs), (positive, doubled)], None, above)
    programme.add_matrix(results, [(values, block.weights - block.radii * signs), (positive, -doubled)], below, None)
