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
    highest_range,
)
from lowland.certification.programme import Programme


@dataclass(eq=False)
class Rows:
    """A programme whose first variables are the values of a scalar network.

    Attributes:
        programme: Its rows and variables.
        columns: The variable of every value.
    """

    programme: Programme
    columns: Places


def rows_of(network: ScalarNetwork, lower: Numbers, upper: Numbers, tops: Numbers | None = None) -> Rows:
    """The programme of all values that a network takes between some ends.

    A positive part p of u in (l, h) with l < 0 < h has a binary a: p >= 0, p >= u, p <= h a, p <= u - l (1 - a). |u| is
    2 p - u.

    Args:
        network: The values.
        lower: Their lower ends [values].
        upper: Their upper ends.
        tops: Lower ends of the greatest that sums with positive parts can be, where they are known (see ``Ends``).
    """
    programme = Programme()
    columns = programme.add_variables(lower, upper)
    rows = Rows(programme, columns)
    parts: dict[int, int] = {}
    for block in network.blocks:
        if isinstance(block, PositiveParts):
            _positive_rows(block_places(block), block.sources, lower, upper, rows, parts)
        else:
            _sum_rows(block, (lower, upper, tops), rows, parts)
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
    one = np.ones(count)
    programme.add_rows([(results, one), (values, -one)], np.zeros(count), None)
    programme.add_rows([(results, one), (signs, -high)], None, np.zeros(count))
    programme.add_rows([(results, one), (values, -one), (signs, -low)], None, -low)


def _sum_rows(block: Sums, ends: tuple[Numbers, Numbers, Numbers | None], rows: Rows, parts: dict[int, int]) -> None:
    programme, (lower, upper, tops) = rows.programme, ends
    sources, places = block.sources, block_places(block)
    if block.moves and bool((lower[sources] == upper[sources]).all()):
        return  # the ends of the values say everything
    values, results = rows.columns[sources], rows.columns[places]
    if not block.moves and not block.positive:
        programme.add_matrix(results, [(values, block.weights)], block.biases, block.biases)
        return
    highest, lowest = [(values, block.weights)], [(values, block.weights)]
    if block.radii is not None:
        straddling = (lower[sources] < 0) & (upper[sources] > 0) & block.radii.any(axis=0)
        positive = _parts_of(sources[straddling], lower, upper, rows, parts)
        # |u| = s u where the sign s is known, 2 p - u elsewhere.
        signs = np.where((upper[sources] <= 0) | straddling, -1.0, 1.0)
        doubled = 2.0 * block.radii[:, straddling]
        highest = [(values, block.weights + block.radii * signs), (positive, doubled)]
        lowest = [(values, block.weights - block.radii * signs), (positive, -doubled)]
    above, below = block.biases + block.bias_radii, block.biases - block.bias_radii
    programme.add_matrix(results, lowest, below, None)
    if not block.positive:
        programme.add_matrix(results, highest, None, above)
        return
    least = highest_range(block, lower, upper)[0] if tops is None else tops[places]
    greatest = upper[places]
    split = (least < 0) & (greatest > 0)
    signs = programme.add_variables(np.zeros(int(split.sum())), np.ones(int(split.sum())), integer=True)
    one = np.ones(len(signs))
    programme.add_rows([(results[split], one), (signs, -greatest[split])], None, np.zeros(len(signs)))
    # p <= U - min U (1 - a), with min U = 0 where U has one sign: there p <= U, or p = 0 by its own ends.
    opened = greatest > 0
    dips = np.where(split, least, 0.0)
    sign_columns = np.zeros((len(places), len(signs)))
    sign_columns[split, np.arange(len(signs))] = least[split]
    programme.add_matrix(
        results[opened],
        [(columns, matrix[opened]) for columns, matrix in [*highest, (signs, sign_columns)]],
        None,
        (above - dips)[opened],
    )


def _parts_of(sources: Places, lower: Numbers, upper: Numbers, rows: Rows, parts: dict[int, int]) -> Places:
    """The variables of positive parts of values, new ones where there are none yet."""
    missing = np.array([source for source in np.unique(sources).tolist() if source not in parts], dtype=np.intp)
    if len(missing):
        new = rows.programme.add_variables(np.zeros(len(missing)), upper[missing])
        # Positive parts that are no values of the network: their places lie behind all of them.
        places = np.arange(len(rows.columns), len(rows.columns) + len(missing))
        rows.columns = np.concatenate([rows.columns, new])
        parts.update(zip(missing.tolist(), places.tolist(), strict=True))
        _split(rows, missing, new, lower, upper)
    found: Places = np.array([rows.columns[parts[source]] for source in sources.tolist()], dtype=np.intp)
    return found
