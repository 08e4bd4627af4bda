"""What noise, broken sensors, spoiled images, attacks and flipped bits do to one cell, and which of its bits matter."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate
from lowland.faults import FlipMapOptions, MemoryFaultOptions, measure_vulnerability
from lowland.measurements import Cell, Measurement, cell_frame, stack, table, unavailable
from lowland.perturbation import AttackOptions, ImageCorruptionOptions, InputNoiseOptions, SensorFaultOptions
from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.quantization import IntegerNetwork
from lowland.robustness import HalfLifeOptions, Subject
from lowland.robustness.measure import robustness
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.vocabulary.families import Family


def disturb(
    cell: Cell,
    task: TaskOptions,
    input_noise: InputNoiseOptions,
    sensor_faults: SensorFaultOptions,
    corruptions: ImageCorruptionOptions,
    attacks: AttackOptions,
    faults: MemoryFaultOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """The response of one cell to disturbed inputs and to flips of its bits, on the test rows."""
    asked: dict[Family, Any] = {
        "noise": input_noise,
        "sensor_fault": sensor_faults if sensor_faults.levels else None,
        "image_corruption": corruptions if build_task(task).images and corruptions.kinds else None,
        "adversarial": attacks if attacks.kinds else None,
        "bit_flip": faults if faults.by_fault else None,
    }
    return stack(
        _measured(cell, family, task, options, half_life, data, model) for family, options in asked.items() if options
    )


def _measured(
    cell: Cell,
    family: Family,
    task: TaskOptions,
    options: Any,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """The rows of one family; of a model that is none, that there is no result."""
    if model.status != "ok":
        return unavailable(cell, family, model.status)
    problem, splits = build_task(task), Splits.from_tensors(data.tensors)
    subject = Subject(problem, model.network, splits, sensor_ranges(problem, splits), (cell.task,), half_life)
    return table(cell, robustness(family, subject, options))


def map_flips(
    cell: Cell,
    task: TaskOptions,
    options: FlipMapOptions,
    encoding: str,
    data: StoredTensors,
    model: StoredModel,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the long table, the map of all single flips and the protection plan of one cell.

    What flips do is measured on the test rows; rankings and the search for the worst flips see landscape rows only.
    """
    if not isinstance(model.network, IntegerNetwork) or model.status != "ok":
        missing = Measurement("bit_flip", "bit_error_slope", Estimate.missing(model.status))
        return table(cell, [missing]), pd.DataFrame(), pd.DataFrame()
    problem, splits = build_task(task), Splits.from_tensors(data.tensors)
    rows = splits.test if options.rows == "all" else splits.test.head(options.rows)
    found = measure_vulnerability(
        model.network,
        loss=problem.loss,
        row_losses=problem.row_losses,
        row_scores=problem.row_scores,
        batches=rows.batches((len(rows.inputs) + 1) // 2),
        known_batches=[splits.landscape],
        options=options,
        score=problem.score_name,
        encoding=encoding,
        key=(cell.task, "protection"),
    )
    return table(cell, found.rows()), cell_frame(cell, **found.bit_columns()), cell_frame(cell, **found.plan_columns())
