"""What noise, broken sensors, spoiled images, attacks and flipped bits do to one cell, and which of its bits matter."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate
from lowland.faults import (
    FlipMapOptions,
    MapSamples,
    MemoryFaultOptions,
    measure_code_vulnerability,
    measure_vulnerability,
)
from lowland.measurements import Cell, Measurement, cell_frame, table, unavailable
from lowland.perturbation import (
    AttackOptions,
    ImageCorruptionOptions,
    InputNoiseOptions,
    SensorFaultOptions,
    TokenCorruptionOptions,
)
from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.quantization import DynamicNetwork, IntegerNetwork
from lowland.robustness import HalfLifeOptions, Subject
from lowland.robustness.label_shift import LABEL_SHIFT, LabelShiftOptions, label_shift_rows
from lowland.robustness.measure import robustness
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.vocabulary.families import Family

_log = logging.getLogger(__name__)


class _Case(NamedTuple):
    """A cell, and what it is disturbed and evaluated with."""

    cell: Cell
    task: TaskOptions
    half_life: HalfLifeOptions
    data: StoredTensors
    model: StoredModel


def under_noise(
    cell: Cell,
    task: TaskOptions,
    options: InputNoiseOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How a cell answers noisy inputs, on the held-out rows."""
    return _measured("noise", options, _Case(cell, task, half_life, data, model))


def with_broken_sensors(
    cell: Cell,
    task: TaskOptions,
    options: SensorFaultOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it answers what broken and ageing sensors read."""
    return _measured("sensor_fault", options, _Case(cell, task, half_life, data, model))


def with_spoiled_images(
    cell: Cell,
    task: TaskOptions,
    options: ImageCorruptionOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it answers images out of focus, in fog or upside down."""
    return _measured("image_corruption", options, _Case(cell, task, half_life, data, model))


def with_spoiled_texts(
    cell: Cell,
    task: TaskOptions,
    options: TokenCorruptionOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it answers texts with unknown words, typing errors or without their end."""
    return _measured("token_corruption", options, _Case(cell, task, half_life, data, model))


def under_label_shift(
    cell: Cell,
    task: TaskOptions,
    options: LabelShiftOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it does where the classes have other shares."""
    if model.status != "ok":
        missing = Measurement("shift", "all", Estimate.missing(model.status), LABEL_SHIFT)
        return table(cell, [missing])  # the family has rows of other sets beside
    return table(cell, label_shift_rows(_subject(_Case(cell, task, half_life, data, model)), options))


def under_attack(
    cell: Cell,
    task: TaskOptions,
    options: AttackOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it answers inputs that were changed on purpose."""
    return _measured("adversarial", options, _Case(cell, task, half_life, data, model))


def under_faults(
    cell: Cell,
    task: TaskOptions,
    options: MemoryFaultOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """How it answers with bits of its memory flipped."""
    return _measured("bit_flip", options, _Case(cell, task, half_life, data, model))


def _measured(family: Family, options: Any, case: _Case) -> pd.DataFrame:
    """The rows of one family; of a model that is none, that there is no result."""
    if case.model.status != "ok":
        return unavailable(case.cell, family, case.model.status)
    return table(case.cell, robustness(family, _subject(case), options))


def _subject(case: _Case) -> Subject:
    task, splits = build_task(case.task), Splits.from_tensors(case.data.tensors, case.data.facts)
    ranges = sensor_ranges(task, splits)
    return Subject(task, case.model.network, splits, ranges, (case.cell.task,), case.half_life)


def map_flips(
    cell: Cell,
    task_options: TaskOptions,
    options: FlipMapOptions,
    encoding: str,
    data: StoredTensors,
    model: StoredModel,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the long table, the map of all single flips and the protection plan of one cell.

    What flips do is measured on held-out rows of both halves; rankings and the search for the worst flips see
    landscape rows only. Networks with dynamic or float activations have a map of the codes of their weights, as long as
    every row has an answer of its own.
    """
    status, network = model.status, model.network
    if status == "ok" and isinstance(network, DynamicNetwork) and network.depends_on_batch:
        _log.warning(
            "%s: the map of single flips is undefined: scales of runtime %s come from the whole batch, so that a flip "
            "changes rows through their neighbours",
            cell.id,
            network.arithmetic.name,
        )
        status = "undefined"
    if status != "ok" or not isinstance(network, IntegerNetwork | DynamicNetwork):
        missing = Measurement(
            "bit_flip", "bit_error_slope", Estimate.missing("undefined" if status == "ok" else status)
        )
        return table(cell, [missing]), pd.DataFrame(), pd.DataFrame()
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    held_out = splits.held_out.samples
    block = len(held_out.inputs) if options.rows == "all" else options.rows
    most = options.rows if options.standard_error is None else options.max_rows
    rows = held_out if most == "all" else held_out.head(most)
    samples = MapSamples(rows.batches((min(block, len(rows.inputs)) + 1) // 2), known=[splits["landscape"]])
    how: Any = {"options": options, "encoding": encoding, "key": (cell.task, "protection")}
    if isinstance(network, IntegerNetwork):
        found = measure_vulnerability(network, task, samples, **how)
    else:
        found = measure_code_vulnerability(network, task, samples, **how)
    if found.rise is not None and found.rise.status == "not_converged":
        _log.warning(
            "%s: %d rows were not enough for the map of single flips: the standard error of the mean rise of the loss "
            "is %.2g of it, %.2g is asked; expected more rows, flip_map.max_rows, or a larger standard_error",
            cell.id,
            found.num_rows,
            found.rise.standard_error / abs(found.rise.value) if found.rise.value else float("inf"),
            options.standard_error,
        )
    plan = found.plan_columns()
    return (
        table(cell, found.measurements()),
        cell_frame(cell, **found.bit_columns()),
        cell_frame(cell, **plan) if plan else pd.DataFrame(),
    )
