"""Which inputs the worst policy of a cell breaks, and through which layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate, Status
from lowland.measurements import Cell, Measurement, cell_frame, table
from lowland.pipelines.worst_case.searched_cell import SearchedCell
from lowland.tasks import TaskOptions
from lowland.worst_case.diagnosis import detection_rows, interaction_rows, most_harmful_layers, worst_inputs
from lowland.worst_case.diagnosis.options import DiagnosisOptions
from lowland.worst_case.options import WorstCaseOptions


def diagnose_worst_inputs(
    cell: Cell,
    task_options: TaskOptions,
    options: WorstCaseOptions,
    diagnosis: DiagnosisOptions,
    data: StoredTensors,
    model: StoredModel,
    policy: Mapping[str, Any] | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How well broken rows can be told before, which layers act together, and the test rows that lose most."""
    if policy is None or policy["status"] != "ok":
        status: Status = "failed" if policy is None else policy["status"]
        missing = Measurement("worst_case", "broken_auroc", Estimate.missing(status))
        return table(cell, [missing]), pd.DataFrame({"row": []})
    search = SearchedCell(cell, task_options, options, data)
    judged = search.judged(model.network)
    widths = tuple(policy["policy"]["bits"][layer] for layer in judged.subject.layers)
    fewest, searched = options.choices[0], judged.on(search.searched)
    layers = most_harmful_layers(searched, fewest, count=diagnosis.interacting_layers)
    rows = [
        *detection_rows(judged, widths, search.reported, mean_bits=float(options.mean_bits)),
        *interaction_rows(judged, layers, search.reported, fewest=fewest),
    ]
    reported = judged.on(search.reported["test"])
    broken = judged.broken(reported, reported.outputs(widths))
    worst = worst_inputs(reported, widths, broken=broken, count=diagnosis.worst_inputs)
    return table(cell, rows), cell_frame(cell, **worst.to_dict("series"))
