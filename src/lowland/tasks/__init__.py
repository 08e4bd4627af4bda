"""Tasks: data, architecture, loss and metric, one file each."""

from collections.abc import Callable

from lowland.tasks.jets import Jets, JetsOptions, fetch_openml_jets
from lowland.tasks.networks import build_network
from lowland.tasks.task import Rows, Splits, Task

TaskOptions = JetsOptions  # becomes a union told apart by `kind` with the second task

TASKS: dict[str, Callable[[TaskOptions], Task]] = {"jets": Jets}


def build_task(options: TaskOptions) -> Task:
    """The task that the options describe."""
    return TASKS[options.kind](options)


__all__ = ["TASKS", "Rows", "Splits", "Task", "TaskOptions", "build_network", "build_task", "fetch_openml_jets"]
