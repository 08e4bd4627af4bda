"""Reads the benchmark: every stored bit of many networks, what its flip costs, and what predicts it.

Needs numpy, pandas and pyarrow. The format stands in the README beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CELLS, MAPS, ROWS, RATES = "cells.parquet", "maps", "rows", "rates"
TRUTHS = ("loss_rise", "score_drop")


@dataclass(frozen=True)
class MappedCell:
    """One network.

    Attributes:
        about: Its names (``task, recipe, seed, precision, method, weight_bits``) and numbers, see the README.
        bits: One row a stored bit.
    """

    about: dict[str, Any]
    bits: pd.DataFrame

    @property
    def id(self) -> str:
        """``task.recipe.seed.precision``."""
        return cell_id(self.about)


def cell_id(about: dict[str, Any]) -> str:
    """``task.recipe.seed.precision``, which names a network's files."""
    return ".".join(str(about[name]) for name in ("task", "recipe", "seed", "precision"))


class Benchmark:
    """A folder of maps.

    Args:
        folder: With ``cells.parquet`` and the folders ``maps``, ``rows`` and ``rates``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        for name in (CELLS, MAPS, ROWS, RATES):
            if not (self.folder / name).exists():
                raise SystemExit(
                    f"{self.folder}: {name} is missing; expected a folder that benchmarks.fault_ranking.write made"
                )

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row a network."""
        return pd.read_parquet(self.folder / CELLS)

    @property
    def tasks(self) -> list[str]:
        """Names of tasks."""
        return list(dict.fromkeys(self.cells.task))

    def maps(self, task: str) -> Iterator[MappedCell]:
        """Every network of a task with its bits."""
        for about in self.cells[self.cells.task == task].to_dict("records"):
            named = {str(name): value for name, value in about.items()}
            yield MappedCell(named, pd.read_parquet(self.folder / MAPS / f"{cell_id(named)}.parquet"))

    def row_rises(self, task: str, precision: str, *, truth: str = "loss_rise") -> np.ndarray:
        """What flips cost in each test row, means over all flips [networks, rows], in the order of ``cells``."""
        cells = self.cells[(self.cells.task == task) & (self.cells.precision == precision)]
        files = [self.folder / ROWS / f"{cell_id(about)}.parquet" for about in cells.to_dict("records")]  # type: ignore[arg-type]  # columns are strings
        return np.stack([pd.read_parquet(file, columns=[truth])[truth].to_numpy() for file in files])

    def rates(self, task: str) -> pd.DataFrame:
        """What many flips at once cost: ``bit_error_rate, draw, loss_rise`` with the names of the networks."""
        parts = []
        for about in self.cells[self.cells.task == task].to_dict("records"):
            named = {str(name): value for name, value in about.items()}
            names = {name: named[name] for name in ("task", "recipe", "seed", "precision")}
            parts.append(pd.read_parquet(self.folder / RATES / f"{cell_id(named)}.parquet").assign(**names))
        return pd.concat(parts, ignore_index=True)
