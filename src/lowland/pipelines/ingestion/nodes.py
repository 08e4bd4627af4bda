"""Raw tables that the project does not ship: simulated, downloaded or read from a user's files."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.tasks import TaskOptions, build_task
from lowland.tasks.obtaining import obtained, origin_of


def ingest(task_options: TaskOptions) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The task's raw table, checked, and all that decides what is in it.

    The project's own runs get it before they delete anything (``lowland.raw_tables``); this is what others run.
    """
    task, name = build_task(task_options), task_options.root.kind
    return obtained(task, name), origin_of(task, task_options, name)
