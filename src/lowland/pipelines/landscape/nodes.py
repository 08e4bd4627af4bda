"""The shape of the loss around one cell, and how alike the seeds of a configuration are."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
import torch

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate
from lowland.grid import CellGroup
from lowland.landscape import LandscapeOptions, linear_cka, measure_landscape
from lowland.measurements import Cell, Measurement, stack, table, unavailable
from lowland.tasks import Splits, TaskOptions, build_task


def measure_cell(
    cell: Cell, task: TaskOptions, options: LandscapeOptions, data: StoredTensors, model: StoredModel
) -> pd.DataFrame:
    """All scalar landscape measures of one cell, on the landscape rows."""
    if model.status != "ok":
        return unavailable(cell, "landscape", model.status)
    splits, problem = Splits.from_tensors(data.tensors), build_task(task)
    rows = measure_landscape(
        model.network,
        problem.loss,
        [splits.landscape],
        options=options,
        input_covariance=splits.train.inputs.var(dim=0, correction=0),
    )
    return table(cell, rows)


def compare_seeds(group: CellGroup, data: StoredTensors, *models: StoredModel) -> pd.DataFrame:
    """CKA of the outputs of every pair of seeds, on the landscape rows."""
    inputs = Splits.from_tensors(data.tensors).landscape.inputs
    with torch.no_grad():
        outputs = [model.network(inputs) if model.status == "ok" else None for model in models]
    tables = []
    for (first, a), (second, b) in combinations(zip(group.cells, outputs, strict=True), 2):
        similarity = Estimate.missing("non_finite") if a is None or b is None else linear_cka(a, b)
        tables.append(table(first, [Measurement("landscape", "cka", similarity, reference=second.id)]))
    return stack(tables)
