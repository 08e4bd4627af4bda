"""Reads the benchmark: what float networks and their deployed versions answer to nominal and shifted data.

Needs numpy, pandas and pyarrow. The format stands in the README beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

CELLS, ROWS, LOGITS = "cells.parquet", "rows.parquet", "logits"
NOMINAL, LABEL_SHIFT = "nominal", "label_shift"


@dataclass(frozen=True)
class Comparison:
    """One deployed network beside its float network, on all sets that were asked for.

    Attributes:
        cell: ``task, recipe, seed, precision, method, weight_bits, activation_bits`` by name.
        sets: Name of the set of each row [rows].
        labels: Right classes [rows].
        sources: Number of the row that each row was made from [rows]: corrupted versions of a row share it.
        float_logits: [rows, classes] of the float network, which is not there at run time.
        logits: [rows, classes] of the deployed network, all that a detector may look at.
    """

    cell: dict[str, object]
    sets: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    float_logits: np.ndarray
    logits: np.ndarray

    @property
    def disagree(self) -> np.ndarray:
        """Where the two answer differently [rows]: what a detector is to find."""
        return self.float_logits.argmax(1) != self.logits.argmax(1)

    @property
    def id(self) -> str:
        """``task.recipe.seed.precision``."""
        return ".".join(str(self.cell[name]) for name in ("task", "recipe", "seed", "precision"))

    def of_set(self, name: str) -> Comparison:
        """The same of one set."""
        return self._at(self.sets == name)

    def without(self, name: str) -> Comparison:
        """The same of all other sets."""
        return self._at(self.sets != name)

    def _at(self, rows: np.ndarray) -> Comparison:
        parts = (self.sets, self.labels, self.sources, self.float_logits, self.logits)
        return Comparison(self.cell, *(part[rows] for part in parts))


class Benchmark:
    """A folder of answers.

    Args:
        folder: With ``cells.parquet``, ``rows.parquet`` and ``logits``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        for name in (CELLS, ROWS, LOGITS):
            if not (self.folder / name).exists():
                raise SystemExit(
                    f"{self.folder}: {name} is missing; expected a folder that scripts.write_shift_answers made"
                )

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The networks: what they are, ``file`` (their answers) and ``float_file`` (those of their float network)."""
        return pd.read_parquet(self.folder / CELLS)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What was answered: ``task, set, split, source, label``; the order of a task's rows is that of its logits."""
        return pd.read_parquet(self.folder / ROWS)

    @property
    def tasks(self) -> list[str]:
        """Names of tasks."""
        return list(dict.fromkeys(self.cells.task))

    def sets(self, task: str) -> list[str]:
        """Names of a task's sets, the nominal one first."""
        return list(dict.fromkeys(self.rows.set[self.rows.task == task]))

    def comparisons(self, task: str, *, split: str = "test") -> Iterator[Comparison]:
        """Every deployed network of a task.

        Args:
            task: Its name.
            split: ``test``, or ``selection`` for what chooses between detectors or tunes them.
        """
        rows = self.rows[self.rows.task == task].reset_index(drop=True)
        chosen = (rows.split == split).to_numpy()
        if not chosen.any():
            raise SystemExit(f"{self.folder}: task {task!r} has no rows of split {split!r}")
        about = rows[chosen]
        for cell in self.cells[self.cells.task == task].to_dict("records"):
            logits, floats = (self._logits(str(cell[name]))[chosen] for name in ("file", "float_file"))
            named = {str(name): value for name, value in cell.items() if name not in ("file", "float_file")}
            yield Comparison(
                named, about.set.to_numpy(), about.label.to_numpy(), about.source.to_numpy(), floats, logits
            )

    @lru_cache(maxsize=2)  # noqa: B019  # of neighbouring cells the float network is the same
    def _logits(self, file: str) -> np.ndarray:
        return pd.read_parquet(self.folder / LOGITS / file).to_numpy(dtype=np.float32)
