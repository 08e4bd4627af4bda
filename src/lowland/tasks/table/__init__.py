"""Tasks on a table of one's own."""

from lowland.tasks.table.options import TableOptions
from lowland.tasks.table.task import build_table

__all__ = ["TableOptions", "build_table"]
