"""Tasks: data, architecture, loss and metric, one file each."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lowland.tasks.econ import Econ, EconOptions
from lowland.tasks.jets import Jets, JetsOptions
from lowland.tasks.networks import build_network
from lowland.tasks.table import build_table
from lowland.tasks.table_options import TableOptions
from lowland.tasks.task import Readings, Rows, Splits, Task


class TaskOptions(RootModel[Annotated[JetsOptions | EconOptions | TableOptions, Field(discriminator="kind")]]):
    """The options of any task; ``root`` are those of the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)


TASKS: dict[str, Callable[[Any], Task]] = {"jets": Jets, "econ": Econ, "table": build_table}


def build_task(options: TaskOptions | BaseModel) -> Task:
    """The task that the options describe."""
    chosen = options.root if isinstance(options, TaskOptions) else options
    return TASKS[chosen.kind](chosen)  # type: ignore[attr-defined]  # each of the union's members says its kind


__all__ = ["TASKS", "Readings", "Rows", "Splits", "Task", "TaskOptions", "build_network", "build_task"]
