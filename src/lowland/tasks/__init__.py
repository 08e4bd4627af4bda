"""Tasks: data, architecture, loss and metric, a file or a room each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lowland.tasks.econ import Econ, EconOptions
from lowland.tasks.fusion import Fusion, FusionOptions
from lowland.tasks.jets import Jets, JetsOptions
from lowland.tasks.networks import build_network
from lowland.tasks.table import TableOptions, build_table
from lowland.tasks.task import Readings, Rows, Splits, Task


class TaskOptions(
    RootModel[Annotated[JetsOptions | EconOptions | FusionOptions | TableOptions, Field(discriminator="kind")]]
):
    """The options of any task; ``root`` are those of the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)

    def settled(self, root: Path) -> TaskOptions:
        """The same with everything decided that depends on which files are there, seen from the project's folder."""
        return TaskOptions(self.root.settled(root))


TASKS: dict[str, Callable[[Any], Task]] = {"jets": Jets, "econ": Econ, "fusion": Fusion, "table": build_table}


def build_task(options: TaskOptions | BaseModel) -> Task:
    """The task that the options describe."""
    chosen = options.root if isinstance(options, TaskOptions) else options
    return TASKS[chosen.kind](chosen)  # type: ignore[attr-defined]  # each of the union's members says its kind


__all__ = ["TASKS", "Readings", "Rows", "Splits", "Task", "TaskOptions", "build_network", "build_task"]
