"""Tasks: data, architecture, loss and metric, a file or a room each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lowland.errors import LowlandError
from lowland.tasks.description import Readings, ShiftedSet, TaskDescription
from lowland.tasks.econ import Econ, EconOptions
from lowland.tasks.econ.preprocessing import WaferPreprocessing
from lowland.tasks.fusion import Fusion, FusionOptions
from lowland.tasks.fusion.preprocessing import FramePreprocessing
from lowland.tasks.images import Images, ImagesOptions
from lowland.tasks.images.preprocessing import ImagePreprocessing
from lowland.tasks.jets import Jets, JetsOptions
from lowland.tasks.preprocessing import Preprocessing, TablePreprocessing
from lowland.tasks.splits import HeldOut, Samples, Splits, halved
from lowland.tasks.table import TableOptions, build_table
from lowland.tasks.task import Task


class TaskOptions(
    RootModel[
        Annotated[JetsOptions | EconOptions | FusionOptions | TableOptions | ImagesOptions, Field(discriminator="kind")]
    ]
):
    """The options of any task; ``root`` are those of the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)

    def resolved(self, root: Path) -> TaskOptions:
        """The same with everything decided that depends on which files are there, seen from the project's folder."""
        return TaskOptions(self.root.resolved(root))


TASKS: dict[str, Callable[[Any], Task]] = {
    "jets": Jets,
    "econ": Econ,
    "fusion": Fusion,
    "table": build_table,
    "images": Images,
}


def build_task(options: TaskOptions | BaseModel) -> Task:
    """The task that the options describe."""
    chosen = options.root if isinstance(options, TaskOptions) else options
    return TASKS[chosen.kind](chosen)  # type: ignore[attr-defined]  # each of the union's members says its kind


PREPROCESSINGS: dict[str, type[Preprocessing]] = {
    "table": TablePreprocessing,
    "wafers": WaferPreprocessing,
    "frames": FramePreprocessing,
    "images": ImagePreprocessing,
}


def preprocessing_from(record: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing that a file of prepared sets or of a deployed network records.

    Raises:
        LowlandError: An unknown kind.
    """
    if record.get("kind") not in PREPROCESSINGS:
        raise LowlandError(f"preprocessing kind is {record.get('kind')!r}; expected one of {', '.join(PREPROCESSINGS)}")
    return PREPROCESSINGS[record["kind"]].model_validate(record)


__all__ = [
    "PREPROCESSINGS",
    "TASKS",
    "HeldOut",
    "Preprocessing",
    "Readings",
    "Samples",
    "ShiftedSet",
    "Splits",
    "Task",
    "TaskDescription",
    "TaskOptions",
    "build_task",
    "halved",
    "preprocessing_from",
]
