"""No fewer bits suffice: bounds of the cheapest protection, by minimum cuts and by a mixed-integer programme."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lowland.certification.deployed.unsafe_items import UnsafeItems
from lowland.certification.programme import silence

Found = tuple[NDArray[np.bool_] | None, float]
"""The rows that are kept [rows], giving up no more than may be, if any were found; a lower bound of the cost."""

FLOWS = 2**30  # capacities are integers of 32 bits
FINEST = 64  # parts of a bit in which rows are priced


def by_cuts(items: UnsafeItems, given_up: int, seconds: float) -> Found:
    r"""The relaxation of the programme, x between 0 and 1.

    With a price :math:`\lambda` for each row that is given up in place of the limit on their number, the cheapest rows
    to keep are a minimum cut (a closure), and the cut minus the price of all that may be given up is a lower bound; the
    best price gives that of the linear programme. The rows of a cut are the cheapest of their number.

    Args:
        items: Bits and rows.
        given_up: Rows that may be.
        seconds: Not counted: it takes about 20 cuts.

    Source:
        Picard, Management Science 22 (1976) 1268.
    """
    fine = int(np.clip(FLOWS // max(1, 2 * int(items.weights.sum())), 1, FINEST))
    low, high = 0, fine * int((items.matrix @ items.weights).max()) + 1
    best, kept = 0.0, None
    while low <= high:
        price = (low + high) // 2
        cut, rows = _cut(items, price, fine)
        best = max(best, (cut - price * given_up) / fine)
        if int((~rows).sum()) <= given_up:
            if kept is None or items.cost(rows) < items.cost(kept):
                kept = rows
            high = price - 1
        else:
            low = price + 1
    return kept, best


def _cut(items: UnsafeItems, price: int, fine: int) -> tuple[int, NDArray[np.bool_]]:
    """The least of price of rows given up plus bits of the others, in parts of a bit, and the rows that are kept."""
    rows, count = items.matrix.shape
    entries = items.matrix.tocoo()
    source, sink = rows + count, rows + count + 1
    begins = np.concatenate([np.full(rows, source), entries.row, rows + np.arange(count)])
    ends = np.concatenate([np.arange(rows), rows + entries.col, np.full(count, sink)])
    capacities = np.concatenate([np.full(rows, price), np.full(entries.nnz, FLOWS), items.weights * fine])
    graph = sparse.csr_matrix((capacities.astype(np.int32), (begins, ends)), shape=(sink + 1, sink + 1))
    flow = sparse.csgraph.maximum_flow(graph, source, sink)
    left = graph - flow.flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = sparse.csgraph.breadth_first_order(left, source, return_predecessors=False)
    kept = np.zeros(sink + 1, dtype=bool)
    kept[reached] = True
    safe = np.diff(items.matrix.indptr) == 0
    return int(flow.flow_value), kept[:rows] | safe


def by_programme(items: UnsafeItems, given_up: int, seconds: float) -> Found:
    """The programme itself, stopped after some seconds.

    Args:
        items: Bits and rows.
        given_up: Rows that may be.
        seconds: Above 0.
    """
    from scipy import optimize  # takes a second: only where a programme is solved

    asked = np.flatnonzero(np.diff(items.matrix.indptr))
    part = items.matrix[asked].tocoo()
    rows, count = part.shape
    pairs = np.arange(part.nnz)
    both = np.concatenate([np.ones(part.nnz), -np.ones(part.nnz)])
    columns = np.concatenate([part.col + rows, part.row])
    covers = sparse.csr_matrix((both, (np.tile(pairs, 2), columns)), shape=(part.nnz, rows + count))
    total = sparse.csr_matrix(np.concatenate([np.ones(rows), np.zeros(count)])[None])
    with silence():
        result = optimize.milp(
            np.concatenate([np.zeros(rows), items.weights.astype(float)]),
            integrality=np.concatenate([np.ones(rows), np.zeros(count)]),
            bounds=optimize.Bounds(0, 1),
            constraints=[
                optimize.LinearConstraint(covers, 0, np.inf),
                optimize.LinearConstraint(total, rows - given_up, np.inf),
            ],
            options={"time_limit": seconds},
        )
    bound = result.mip_dual_bound
    least = float(bound) if bound is not None and np.isfinite(bound) else 0.0
    if result.x is None:
        return None, max(0.0, least)
    kept = np.ones(items.matrix.shape[0], dtype=bool)
    kept[asked] = result.x[:rows] > 0.5
    return kept, max(0.0, least)
