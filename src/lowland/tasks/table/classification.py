"""A class from the columns of a user's table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.classifier import Classifier
from lowland.tasks.preprocessing import Classes
from lowland.tasks.table.cells import YAML_WORDS, Value
from lowland.tasks.table.source import class_names, values_of
from lowland.tasks.table.task import Table


class TableClassifier(Table, Classifier):
    """A class from columns, with cross-entropy (rare classes weigh no more than others) and accuracy."""

    @property
    def _classes(self) -> dict[str, tuple[Value, ...]]:
        return self.options.classes or {}

    @property
    def _asked(self) -> str:
        return f"{self.options.target} ({', '.join(self._classes)})"

    def _target(self, frame: pd.DataFrame) -> pd.Series:
        column, path = frame[self.options.target], self.options.path
        names = class_names(column, self._classes)
        for name, values in self._classes.items():
            if not (names == name).any():
                raise LowlandError(
                    f"{path}: class {name!r} never occurs: column {column.name!r} has no row with "
                    f"{' or '.join(map(_written, values))}; it holds {values_of(column)}: correct classes"
                )
        return names

    def _check_target(self, features: pd.DataFrame, target: pd.Series, origin: str) -> None:
        checks.check_classes(target, self._classes, target=self.options.target, origin=origin)
        checks.check_copies(
            features, target, target_values=sum(len(values) for values in self._classes.values()), origin=origin
        )

    def _labels(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        return pd.Categorical(raw[self.options.target], categories=list(self._classes)).codes.astype(np.int64)

    def _targets(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._labels(raw)

    def _target_record(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> Classes:
        return Classes(names=tuple(self._classes))

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(self._classes)


def _written(value: Value) -> str:
    """A value of a class as it was understood."""
    if value is None or isinstance(value, bool):
        return " or ".join(YAML_WORDS[value])
    return repr(value)
