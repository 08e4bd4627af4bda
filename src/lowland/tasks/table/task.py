"""A task on a table of the user's own: a class or a number from numeric columns, described by parameters alone."""

from __future__ import annotations

import logging
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.description import ShiftedSet
from lowland.tasks.groups import latest_rows, tied_rows
from lowland.tasks.preprocessing import Target
from lowland.tasks.splits import Samples, Splits, halved
from lowland.tasks.splitting import grouped_split, stratified_split
from lowland.tasks.standardisation import standardisation, unscaled
from lowland.tasks.table.cells import cells_of, equals
from lowland.tasks.table.features import CellFormat, Features, feature_columns
from lowland.tasks.table.listing import lines_of
from lowland.tasks.table.options import TableOptions
from lowland.tasks.table.source import (
    column_of,
    order_of,
    read_table,
    stored,
)
from lowland.tasks.task import Task

LATER = "later"
_log = logging.getLogger(__name__)


class Table(Task):
    """What a class and a number as target have in common."""

    def __init__(self, options: TableOptions) -> None:
        self.options = options
        self._listed = False
        self.shifted_sets = (ShiftedSet.named(LATER),) if options.shift else ()
        self.obtained_from = options.obtained_from or Task.obtained_from
        columns = "the numeric columns" if options.features == "all" else f"{len(options.features)} columns"
        sentences = [f"The task: {self._asked} from {columns} of {options.path.name}"]
        if options.group:
            sentences.append(f"rows of equal {options.group} never cross sets")
        if options.shift:
            sentences.append(f"{LATER} holds the rows with the largest {options.shift.column}")
        widths = "-".join(map(str, options.hidden or ()))
        network = f"has {widths} hidden units with ReLU" if options.is_built_in else f"is {options.network}"
        self.description = f"{'; '.join(sentences)}; the network {network}."

    @property
    @abstractmethod
    def _asked(self) -> str:
        """What is predicted from the features."""

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

    @abstractmethod
    def _target_record(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> Target:
        """What the network's outputs mean."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """The user's file."""
        return (self.options.path,)

    def fetch(self) -> pd.DataFrame:
        """The columns in use and the rows that have a target; gaps are NaN, classes go by their names.

        ``attrs["listing"]`` says what was taken from the file: rows, features with their gaps, and what was left out.
        """
        options, path = self.options, self.options.path
        frame = read_table(path, options.csv_format)
        for name, parameter in ((options.target, "target"), (options.group, "group")):
            if name is not None:
                column_of(frame, name, parameter=parameter, path=path)
        found = self.features_of(frame)
        features = found.values.where(np.isfinite(found.values))
        target = self._target(frame)
        aimed = target.notna().to_numpy()
        gaps = features.isna().to_numpy() & aimed[:, None]
        gappy = gaps.any(axis=1)
        kept = aimed & ~gappy if options.missing == "drop" else aimed
        raw = features.assign(**{options.target: target})
        if options.group is not None:
            raw[options.group] = stored(frame[options.group])
        if options.shift is not None:
            raw[options.shift.column] = self._order(frame)
        raw = raw[kept].reset_index(drop=True)
        raw.attrs = {
            "listing": {
                "file": path.name,
                "rows": len(frame),
                "rows_used": int(kept.sum()),
                "rows_without_target": int(target.isna().sum()),
                "rows_dropped_for_gaps": int(gappy.sum()) if options.missing == "drop" else 0,
                "missing": options.missing,
                "features": [{"name": n, "gaps": int(g)} for n, g in zip(features, gaps.sum(axis=0), strict=True)],
                "left_out": [{"name": name, "why": why} for name, why in found.left_out.items()],
            }
        }
        aims = cells_of(frame[options.target])
        unseen = [code for code in found.unseen_codes if options.classes is not None or not equals(aims, code).any()]
        if unseen:
            _log.warning("%s: no feature holds the missing_codes %s", path, ", ".join(map(repr, unseen)))
        if found.rounded:
            text = "%s: %s holds whole numbers beyond 2^53, which float64 rounds; if it is a name, put it under drop"
            _log.warning(text, path, ", ".join(map(repr, found.rounded)))
        return raw

    def _order(self, frame: pd.DataFrame) -> pd.Series:
        """The column of the shift as numbers."""
        assert self.options.shift is not None
        path, name = self.options.path, self.options.shift.column
        column = order_of(column_of(frame, name, parameter="shift.column", path=path), decimal=self.options.decimal)
        if column is None or not np.isfinite(column).all():
            raise LowlandError(
                f"{path}: column {name!r}, which shift.column names, holds text or gaps; expected a finite number in "
                "every row, or an ISO date (2020-01-31, 2020-01-31T12:00Z), all with a time zone or none"
            )
        return column

    @property
    def _written(self) -> CellFormat:
        return CellFormat(self.options.missing_codes, self.options.decimal)

    def features_of(self, frame: pd.DataFrame) -> Features:
        """The feature columns of the user's table as numbers, and what was left out.

        Raises:
            LowlandError: A column is missing or holds no numbers, a pattern matches nothing, or nothing is left.
        """
        options = self.options
        return feature_columns(
            frame,
            options.features,
            drop=options.drop,
            reserved=options.reserved,
            written=self._written,
            path=options.path,
        )

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Features, target, groups and shift are fit, and every set gets groups of every class."""
        options, features = self.options, self._features(raw)
        if "listing" in raw.attrs and not self._listed:  # once a run, wherever the table came from
            self._listed = True
            for line in lines_of(raw.attrs["listing"], target=options.target):
                _log.info("%s", line)
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
        options, columns, sets = self.options, self._features(raw), self._sets(raw)
        features, targets = columns.to_numpy(np.float64), self._targets(raw, sets["train"])
        preprocessing = standardisation(
            features[sets["train"]],
            dict.fromkeys(map(str, columns)),
            self._target_record(raw, sets["train"]),
            clip_quantile=options.clip_quantile,
            fill_gaps=options.missing == "mean",
            missing_codes=[code for code in options.missing_codes if code is not None],  # empty is missing anyway
        )
        if options.scale == "none":
            preprocessing = unscaled(preprocessing)
        # codes became gaps in ``fetch``, which knows the columns' types: a duration of 0 is no code
        decoded = preprocessing.model_copy(update={"missing_codes": ()})
        rows = {name: decoded.samples(features[chosen], targets[chosen]) for name, chosen in sets.items()}
        tied, labels = self._tied(raw), self._labels(raw)
        held_out = {
            name: halved(
                rows.pop(name), key=(self.options.kind, name), tied=tied[sets[name]], labels=labels[sets[name]]
            )
            for name in ("test", *(shifted.name for shifted in self.shifted_sets))
        }
        preprocessing = preprocessing.model_copy(update={"decimal": options.decimal})
        facts = {"preprocessing": preprocessing.model_dump(mode="json"), "listing": raw.attrs.get("listing")}
        return Splits(rows, held_out.pop("test"), zero=preprocessing.zero, shifted=held_out, facts=facts)

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
        """A multilayer perceptron or the user's own; how many columns ``features: all`` are says the table alone."""
        if self.options.features == "all":
            raise LowlandError("features: all says not how many there are; ask network_spec_for the prepared rows")
        return self._spec(len(self.options.features))

    def network_spec_for(self, rows: Samples) -> dict[str, Any]:
        """The same for inputs as wide as the rows."""
        return self._spec(rows.inputs.shape[1])

    def _spec(self, inputs: int) -> dict[str, Any]:
        options = self.options
        if options.is_built_in:
            return {"kind": "mlp", "inputs": inputs, "hidden": list(options.hidden or ()), "outputs": self.num_outputs}
        return options.user_network((inputs,), self.num_outputs)
