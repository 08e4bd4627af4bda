"""A task on a table of the user's own: a class or a number from numeric columns, told by parameters alone."""

from __future__ import annotations

import logging
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.classifier import Classifier
from lowland.tasks.groups import latest_rows, tied_rows
from lowland.tasks.splitting import grouped_split, stratified_split
from lowland.tasks.standardisation import Preparation
from lowland.tasks.table.options import TableOptions
from lowland.tasks.table.source import (
    Value,
    class_names,
    column_of,
    feature_columns,
    numbers_of,
    read_table,
)
from lowland.tasks.task import Rows, Splits, Task

LATER = "later"
_log = logging.getLogger(__name__)


class Table(Task):
    """What a class and a number as target have in common."""

    def __init__(self, options: TableOptions) -> None:
        self.options = options
        self.shifted_sets = (LATER,) if options.shift else ()
        self.whence = options.obtained_from or Task.whence
        widths = "-".join(map(str, options.hidden))
        columns = "the numeric columns" if options.features == "all" else f"{len(options.features)} columns"
        sentences = [f"The task: {self._asked} from {columns} of {options.path.name}"]
        if options.group:
            sentences.append(f"rows of equal {options.group} never cross sets")
        if options.shift:
            sentences.append(f"{LATER} holds the rows with the largest {options.shift.column}")
        self.description = f"{'; '.join(sentences)}; the network has {widths} hidden units with ReLU."

    @property
    @abstractmethod
    def _asked(self) -> str:
        """What is told from the features."""

    @abstractmethod
    def _target(self, frame: pd.DataFrame) -> pd.Series:
        """The target as it is stored, missing where a row is left out."""

    @abstractmethod
    def _check_target(self, features: pd.DataFrame, target: pd.Series, origin: str) -> None:
        """Refuse a target that cannot be learned, or that stands among the features."""

    @abstractmethod
    def _labels(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        """Numbers of the classes whose shares the sets keep."""

    @abstractmethod
    def _targets(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[Any]:
        """What the network is trained on, a row of the table each."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """The user's file."""
        return (self.options.path,)

    def fetch(self) -> pd.DataFrame:
        """The columns in use and the rows that have a target; gaps are NaN, classes go by their names."""
        options, path = self.options, self.options.path
        frame = read_table(path)
        for name, parameter in ((options.target, "target"), (options.group, "group")):
            if name is not None:
                column_of(frame, name, parameter=parameter, path=path)
        features, texts = self.features_of(frame)
        features = features.where(np.isfinite(features))
        target = self._target(frame)
        kept = target.notna()
        gaps = features.isna().to_numpy()
        if options.missing == "drop":
            kept &= ~gaps.any(axis=1)
        raw = features.assign(**{options.target: target})
        if options.group is not None:
            raw[options.group] = frame[options.group]
        if options.shift is not None:
            column = numbers_of(column_of(frame, options.shift.column, parameter="shift.column", path=path), ())
            if column is None or not np.isfinite(column).all():
                raise LowlandError(
                    f"{path}: column {options.shift.column!r}, which shift.column names, holds text or "
                    "gaps; expected a finite number in every row"
                )
            raw[options.shift.column] = column
        _log.info(
            "%s: %d of %d rows used (%d hold no target in use), %d features%s, %d missing values in %d rows (%s)",
            *(path, kept.sum(), len(kept), target.isna().sum(), features.shape[1]),
            f" (left out as text: {', '.join(texts)})" if texts else "",
            *(gaps.sum(), gaps.any(axis=1).sum(), options.missing),
        )
        return raw[kept].reset_index(drop=True)

    def features_of(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """The feature columns of the user's table as numbers, and the names of text columns that ``all`` left out.

        Raises:
            LowlandError: A column is missing or holds no numbers, a pattern matches nothing, or nothing is left.
        """
        options = self.options
        return feature_columns(
            frame,
            options.features,
            drop=options.drop,
            reserved=options.reserved,
            codes=options.missing_codes,
            path=options.path,
        )

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Features, target, groups and shift are fit, and every set gets groups of every class."""
        options, features = self.options, self._features(raw)
        if raw.empty:
            raise LowlandError(f"{origin}: no row is left; correct target, classes or missing")
        checks.check_features(features, refuse_gaps=options.missing == "refuse", origin=origin)
        self._check_target(features, raw[options.target], origin)
        tied = self._tied(raw)
        if options.group is not None:
            checks.check_groups(raw[options.group], tied, origin=origin)
        sets = self._sets(raw)
        if options.shift is not None:
            marks = np.zeros(len(raw), bool)
            marks[sets.pop(LATER)] = True
            checks.check_shift(raw[options.shift.column], marks, share=options.shift.share, origin=origin)
        labels = self._labels(raw)
        checks.check_sets(sets, tied, labels, classes=list(options.classes or [""]), origin=origin)
        checks.check_features(features.iloc[sets["train"]], refuse_gaps=False, origin=f"{origin} (training rows)")

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Sets that no group and no duplicate crosses, on the scale of the training rows."""
        features, sets = self._features(raw).to_numpy(np.float64), self._sets(raw)
        preparation = Preparation(features[sets["train"]], clip_quantile=self.options.clip_quantile)
        targets = self._targets(raw, sets["train"])
        rows = {name: preparation.rows(features[chosen], targets[chosen]) for name, chosen in sets.items()}
        shifted = {name: rows.pop(name) for name in self.shifted_sets}
        return Splits(**rows, zero=preparation.zero, shifted=shifted)

    def _features(self, raw: pd.DataFrame) -> pd.DataFrame:
        return raw.drop(columns=self.options.reserved)

    def _tied(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        group = self.options.group
        numbers = None if group is None else pd.factorize(raw[group])[0].astype(np.int64)
        return tied_rows(self._features(raw).to_numpy(np.float64), numbers)

    def _sets(self, raw: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
        """Row numbers of every set."""
        options, tied, labels, key = self.options, self._tied(raw), self._labels(raw), (self.options.kind,)
        later = np.zeros(len(raw), bool)
        if options.shift is not None:
            later = latest_rows(raw[options.shift.column].to_numpy(np.float64), tied, share=options.shift.share)
        here = np.flatnonzero(~later)
        split = stratified_split if options.group is None else grouped_split
        found = split(np.unique(tied[here], return_inverse=True)[1], labels[here], options.sizes, key=key)
        sets = {name: here[rows] for name, rows in found.items()}
        return sets | ({LATER: np.flatnonzero(later)} if options.shift is not None else {})

    def network_spec(self) -> dict[str, Any]:
        """A multilayer perceptron; how many columns ``features: all`` are says the table alone."""
        if self.options.features == "all":
            raise LowlandError("features: all says not how many there are; ask network_spec_for the prepared rows")
        return self._spec(len(self.options.features))

    def network_spec_for(self, rows: Rows) -> dict[str, Any]:
        """A multilayer perceptron as wide as the rows."""
        return self._spec(rows.inputs.shape[1])

    def _spec(self, inputs: int) -> dict[str, Any]:
        return {"kind": "mlp", "inputs": inputs, "hidden": list(self.options.hidden), "outputs": self.num_outputs}


class TableClassifier(Table, Classifier):
    """A class from columns, with cross-entropy (rare classes weigh no more than others) and accuracy."""

    @property
    def _classes(self) -> dict[str, tuple[Value, ...]]:
        return self.options.classes or {}

    @property
    def _asked(self) -> str:
        return f"{self.options.target} ({', '.join(self._classes)})"

    def _target(self, frame: pd.DataFrame) -> pd.Series:
        return class_names(frame[self.options.target], self._classes)

    def _check_target(self, features: pd.DataFrame, target: pd.Series, origin: str) -> None:
        checks.check_classes(target, self._classes, target=self.options.target, origin=origin)
        checks.check_copies(
            features, target, target_values=sum(len(values) for values in self._classes.values()), origin=origin
        )

    def _labels(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        return pd.Categorical(raw[self.options.target], categories=list(self._classes)).codes.astype(np.int64)

    def _targets(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._labels(raw)

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(self._classes)


class TableRegression(Table):
    """A number from columns, with squared error of the standardised target and absolute error in its own units.

    Targets are [rows, 3]: the standardised value, the standard deviation and the range of the training rows in the
    target's units; so rows of any set are scored without knowing the training set. No error counts more than the
    range: an answer that is no number counts as that.
    """

    score_name = "absolute_error"
    decides = False

    @property
    def _asked(self) -> str:
        return f"{self.options.target} (a number)"

    def _target(self, frame: pd.DataFrame) -> pd.Series:
        name = self.options.target
        numbers = numbers_of(frame[name], self.options.missing_codes)
        if numbers is None:
            raise LowlandError(f"{self.options.path}: target {name!r} holds text; expected numbers, or classes")
        numbers = numbers.where(np.isfinite(numbers))
        if self.options.missing == "refuse" and numbers.isna().any():
            raise LowlandError(
                f"{self.options.path}: target {name!r} is missing in {numbers.isna().sum()} rows; fill them, or set "
                "missing: drop or mean, which leave these rows out"
            )
        return numbers

    def _check_target(self, features: pd.DataFrame, target: pd.Series, origin: str) -> None:
        if target.nunique() < 2:
            raise LowlandError(f"{origin}: target {target.name!r} is constant; expected a number that varies")
        checks.check_copies(features, target, target_values=None, origin=origin)

    def _labels(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        return np.zeros(len(raw), np.int64)

    def _targets(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.float32]:
        values = raw[self.options.target].to_numpy(np.float64)
        known = values[train]
        spread = known.std() or 1.0
        constants = np.broadcast_to([spread, np.ptp(known)], (len(values), 2))
        return np.hstack([((values - known.mean()) / spread)[:, None], constants]).astype(np.float32)

    @property
    def num_outputs(self) -> int:
        """The standardised number."""
        return 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error in training variances."""
        return self.row_losses(outputs, targets).mean()

    def row_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared error of every row in training variances."""
        return (outputs[:, 0] - targets[:, 0]).square()

    def row_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Absolute error in the target's units, at most the range of the training rows."""
        error = (outputs[:, 0] - targets[:, 0]).abs() * targets[:, 1]
        return error.nan_to_num(nan=torch.inf).minimum(targets[:, 2])

    def guess_score(self, targets: Tensor) -> float:
        """Mean absolute error of always answering the median."""
        return float(self.row_scores(targets[:, :1].median().expand(len(targets), 1), targets).mean())

    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """The median."""
        return training[:, :1].median().expand(count, 1)

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """The standardised number."""
        return targets[:, 0]

    def decisions(self, outputs: Tensor) -> Tensor:
        """The number in steps of ``decision_step``."""
        limit = torch.iinfo(torch.int32).max
        steps = (outputs[:, 0] / self.options.decision_step).nan_to_num(nan=limit).clamp(-limit, limit)
        return steps.double().round().long()


def build_table(options: TableOptions) -> Table:
    """A task that tells a class or a number."""
    return TableRegression(options) if options.classes is None else TableClassifier(options)
