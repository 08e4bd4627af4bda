"""Which kind of task a table makes."""

from __future__ import annotations

from lowland.tasks.table.classification import TableClassifier
from lowland.tasks.table.options import TableOptions
from lowland.tasks.table.regression import TableRegression
from lowland.tasks.table.task import Table


def build_table(options: TableOptions) -> Table:
    """A task that predicts a class or a number."""
    return TableRegression(options) if options.classes is None else TableClassifier(options)
