"""Tasks: data, architecture, loss and metric, a file or a room each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lowland.errors import LowlandError
from lowland.own_code import OwnCodeError, is_dotted, own_object
from lowland.tasks.classifier import Classifier
from lowland.tasks.custom import CustomOptions, build_custom_task
from lowland.tasks.description import Readings, ShiftedSet, TaskDescription
from lowland.tasks.econ import Econ, EconOptions
from lowland.tasks.econ.preprocessing import WaferPreprocessing
from lowland.tasks.fusion import Fusion, FusionOptions
from lowland.tasks.fusion.preprocessing import FramePreprocessing
from lowland.tasks.given_network import GivenNetwork
from lowland.tasks.images import Images, ImagesOptions
from lowland.tasks.images.preprocessing import ImagePreprocessing
from lowland.tasks.jets import Jets, JetsOptions
from lowland.tasks.plane import Plane, PlaneOptions
from lowland.tasks.preprocessing import Preprocessing, TablePreprocessing
from lowland.tasks.split_samples import split_samples
from lowland.tasks.split_sizes import ClassifierSplitSizes, SplitSizes
from lowland.tasks.splits import OF_THE_REST, HeldOut, Samples, Splits, halved
from lowland.tasks.table import TableOptions, build_table
from lowland.tasks.task import Task
from lowland.tasks.text import Sentiment, SentimentOptions
from lowland.tasks.text.preprocessing import TextPreprocessing


class TaskOptions(
    RootModel[
        Annotated[
            JetsOptions
            | EconOptions
            | FusionOptions
            | TableOptions
            | ImagesOptions
            | SentimentOptions
            | PlaneOptions
            | CustomOptions,
            Field(discriminator="kind"),
        ]
    ]
):
    """The options of any task; ``root`` are those of the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)

    def resolved(self, root: Path) -> TaskOptions:
        """The same with everything decided that depends on which files are there, seen from the project's folder."""
        return TaskOptions(self.root.resolved(root))

    @property
    def own_code(self) -> tuple[str | Path, ...]:
        """Dotted paths of a user's own code, and a network's file, that decide the task's results."""
        return getattr(self.root, "own_code", ())

    @property
    def extra_sets(self) -> tuple[str, ...]:
        """Sets beside the usual ones that it asks for, see ``ClassifierSplitSizes``."""
        options = self.root.chosen if isinstance(self.root, CustomOptions) else self.root
        return tuple(name for name in getattr(options, "sizes", ()) if name in OF_THE_REST)

    @property
    def test_rows(self) -> int | None:
        """Held-out rows that it asks for; None where a user's own options do not say."""
        options = self.root.chosen if isinstance(self.root, CustomOptions) else self.root
        rows = getattr(options, "test_rows", None)
        return rows if isinstance(rows, int) else None

    @property
    def given(self) -> GivenNetwork | None:
        """The quantized network that the task has from outside; None: networks are trained for it."""
        return getattr(self.root, "given", None)


TASKS: dict[str, Callable[[Any], Task]] = {
    "jets": Jets,
    "econ": Econ,
    "fusion": Fusion,
    "table": build_table,
    "images": Images,
    "sentiment": Sentiment,
    "plane": Plane,
    "custom": build_custom_task,
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
    "text": TextPreprocessing,
}


def preprocessing_from(record: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing that a file of prepared sets or of a deployed network records.

    Args:
        record: Its ``kind`` is a name of the project's, or the dotted path of a user's own class.

    Raises:
        LowlandError: An unknown kind.
    """
    if is_dotted(kind := str(record.get("kind"))):
        own = own_object(kind)
        if not (isinstance(own, type) and issubclass(own, Preprocessing)):
            raise OwnCodeError(
                f"{kind} is no preprocessing; expected a class that inherits from lowland.tasks.Preprocessing"
            )
        return own.model_validate(record)
    if record.get("kind") not in PREPROCESSINGS:
        raise LowlandError(f"preprocessing kind is {record.get('kind')!r}; expected one of {', '.join(PREPROCESSINGS)}")
    return PREPROCESSINGS[record["kind"]].model_validate(record)


__all__ = [
    "PREPROCESSINGS",
    "TASKS",
    "Classifier",
    "ClassifierSplitSizes",
    "HeldOut",
    "Preprocessing",
    "Readings",
    "Samples",
    "ShiftedSet",
    "SplitSizes",
    "Splits",
    "Task",
    "TaskDescription",
    "TaskOptions",
    "build_task",
    "halved",
    "preprocessing_from",
    "split_samples",
]
