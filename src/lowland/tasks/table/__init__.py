"""Tasks on a table of one's own."""

from lowland.tasks.table.build import build_table
from lowland.tasks.table.options import TableOptions

__all__ = ["TableOptions", "build_table"]
