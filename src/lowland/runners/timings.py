"""The table of seconds and memory: one row a node, kept apart from everything that is compared byte by byte."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kedro.io import DataCatalog
from kedro.pipeline.node import Node

from lowland.runners.progress import stage_of
from lowland.runners.worker import Outcome

if TYPE_CHECKING:
    import pandas as pd

DATASET = "timings"
COLUMNS = ("node", "stage", "namespace", "status", "seconds", "peak_megabytes")


def timings_table(ended: Iterable[tuple[Node, Outcome]], earlier: pd.DataFrame | None = None) -> pd.DataFrame:
    """Seconds and memory of nodes, after the rows of an earlier run for the nodes that did not run again.

    Args:
        ended: Nodes with how they ended.
        earlier: The table so far.

    Returns:
        ``node``; ``stage`` (its tag); ``namespace`` (of a cell's node: the cell's id); ``status`` (``ok`` or
        ``failed``); ``seconds`` of loading, computing and saving; ``peak_megabytes``, the largest resident memory of
        the worker meanwhile. Sorted by node.
    """
    import pandas as pd  # the runner imports this module first of all, and is to start its workers soon

    rows = [
        (n.name, stage_of(n), n.namespace or "", "failed" if o.error else "ok", o.seconds, o.peak_megabytes)
        for n, o in ended
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"seconds": "float64", "peak_megabytes": "float64"})
    if earlier is not None and len(earlier):
        kept = earlier[~earlier["node"].isin(table["node"])]
        table = pd.concat([frame for frame in (kept, table) if len(frame)]) if len(kept) else table
    return table.sort_values("node", ignore_index=True)


def save_timings(catalog: DataCatalog, ended: Iterable[tuple[Node, Outcome]]) -> None:
    """Writes the table where the catalog has an entry ``timings``."""
    if DATASET not in catalog:
        return
    dataset = catalog.get(DATASET)
    assert dataset is not None
    dataset.save(timings_table(ended, dataset.load() if dataset.exists() else None))
