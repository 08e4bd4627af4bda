"""What all networks of a task answer, with what docs/shift.md counts of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.shift.loader import LABEL_SHIFT, NOMINAL, Benchmark, Comparison
from lowland.analysis.precision_roles import control_precisions, hardly_coded
from lowland.disagreement import UNCERTAINTY_MEASURES, distinct_measures, rate_contrasts, uncertainty
from lowland.estimate import Estimate
from lowland.randomness import generator


@dataclass(frozen=True)
class TaskAnswers:
    """Test rows of one task with what all its networks say.

    Attributes:
        name: Of the task.
        cells: A row a network, with its ``recipe``, ``seed``, ``precision``, ``method`` and ``weight_bits``.
        sets: Names of the sets, the nominal one first.
        set_numbers: Of each row [rows].
        sources: Of each row [rows].
        disagree: Whether a network disagrees with its float network [rows, networks].
        lost: Right answers of the float network less those of the network: 1, 0 or -1 [rows, networks].
        float_right: Whether the float network is right [rows, networks].
        scores: Uncertainties [rows] by measure, a network each.
        controls: Precisions that are fine-tuned without quantizers; they are in no count.
        hardly: Precisions that code only a small share of the weights, with this share; they are in no count.
    """

    name: str
    cells: pd.DataFrame
    sets: tuple[str, ...]
    set_numbers: Tensor
    sources: Tensor
    disagree: Tensor
    lost: Tensor
    float_right: Tensor
    scores: tuple[dict[str, Tensor], ...]
    controls: frozenset[str] = frozenset()
    hardly: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        benchmark: Benchmark,
        task: str,
        table: pd.DataFrame | None = None,
        precisions: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> TaskAnswers:
        """All networks of a task; the long table and the study's declared precisions tell which are in no count."""
        compared: list[Comparison] = list(benchmark.comparisons(task))
        first = compared[0]
        sets = tuple(benchmark.sets(task))
        numbers = pd.Series(first.sets).map({name: place for place, name in enumerate(sets)}).to_numpy()
        labels = first.labels
        before = np.stack([each.float_logits.argmax(1) == labels for each in compared], 1)
        after = np.stack([each.logits.argmax(1) == labels for each in compared], 1)
        measures = distinct_measures(UNCERTAINTY_MEASURES, first.logits.shape[1])
        return cls(
            task,
            pd.DataFrame([each.cell for each in compared]),
            sets,
            torch.tensor(numbers),
            torch.tensor(first.sources),
            torch.tensor(np.stack([each.disagree for each in compared], 1)),
            torch.tensor(before.astype(float) - after.astype(float)),
            torch.tensor(before),
            tuple({name: uncertainty(torch.tensor(each.logits), name) for name in measures} for each in compared),
            frozenset() if table is None else control_precisions(table[table.task == task], precisions),
            {} if table is None else hardly_coded(table[table.task == task]),
        )

    @property
    def shifted(self) -> list[int]:
        """Numbers of the sets whose inputs are shifted."""
        return [number for number, name in enumerate(self.sets) if name not in (NOMINAL, LABEL_SHIFT)]

    def role(self, precision: str) -> str:
        """Why a precision is in no count: ``control`` or ``hardly coded``; empty where it is."""
        return "control" if precision in self.controls else "hardly coded" if precision in self.hardly else ""

    @property
    def counted(self) -> list[int]:
        """Numbers of the networks that are counted."""
        return [number for number, name in enumerate(self.cells.precision) if not self.role(name)]

    def where(self, **wanted: Any) -> list[int]:
        """Numbers of the networks with these properties."""
        keep = np.ones(len(self.cells), bool)
        for name, value in wanted.items():
            keep &= (self.cells[name] == value).to_numpy()
        return [int(number) for number in np.flatnonzero(keep)]

    def contrasts(self, columns: Tensor, weights: Tensor) -> list[Estimate]:
        """Combinations of rates [combinations, sets, columns] of what is averaged [rows, columns]."""
        drawn = generator("shift page", self.name)
        return rate_contrasts(columns, self.set_numbers, self.sources, weights, generator=drawn)


def place_weights(answers: TaskAnswers) -> Tensor:
    """Nominal, mean of the shifted sets, and the second less the first [3, sets]."""
    nominal, shifted = torch.zeros(len(answers.sets)), torch.zeros(len(answers.sets))
    nominal[answers.sets.index(NOMINAL)] = 1.0
    if answers.shifted:
        shifted[answers.shifted] = 1 / len(answers.shifted)
    return torch.stack([nominal, shifted, shifted - nominal])
