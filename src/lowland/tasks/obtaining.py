"""Getting a raw table that the project does not ship, and what decides its content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from lowland import randomness
from lowland.errors import LowlandError
from lowland.own_code import digest_of
from lowland.tasks import Task, TaskOptions
from lowland.tasks.split_sizes import DATA_FOLDER


def obtained(problem: Task, name: str) -> pd.DataFrame:
    """The checked raw table of a task.

    Args:
        problem: The task.
        name: In the parameters, for messages.

    Raises:
        LowlandError: It cannot be had, or does not hold what the task needs.
    """
    table = problem.fetch()
    problem.check(table, f"tasks.{name}")
    return table


def origin_of(problem: Task, options: TaskOptions, name: str) -> dict[str, Any]:
    """All that decides a raw table: options, code and the bytes of files.

    Args:
        problem: The task.
        options: Its options.
        name: In the parameters, for messages.

    Raises:
        LowlandError: A file is missing.
    """
    files = {}
    for path in problem.sources:
        if not path.is_file():
            raise LowlandError(
                f"{path}: the file is missing; `tasks.{name}` reads it ({problem.obtained_from}): give "
                f"tasks.{name}.path, or name the folder that the path starts from in {DATA_FOLDER}"
            )
        files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    code = hashlib.sha256()
    for source in (*sorted(Path(__file__).parent.rglob("*.py")), Path(randomness.__file__)):
        code.update(source.read_bytes())
    own = {"own_code": digest_of(options.own_code)} if options.own_code else {}
    return {"options": options.model_dump(mode="json"), "code": code.hexdigest(), "files": files} | own
