"""The shape of the loss around one cell, and how alike the seeds of a configuration are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, islice

import pandas as pd
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate
from lowland.grid import CellGroup
from lowland.landscape import (
    LandscapeDetailOptions,
    LandscapeOptions,
    ModeConnectivity,
    Problem,
    compare_networks,
    differentiable,
    loss_surface,
    measure_landscape,
    mode_connectivity,
    plane,
    spectral_density,
)
from lowland.measurements import Cell, Measurement, cell_frame, stack, table, unavailable
from lowland.pipelines.rows_of_their_own import row_status
from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.quantization import fold_batch_norm
from lowland.randomness import generator
from lowland.tasks import Splits, TaskOptions, build_task


def measure_cell(
    cell: Cell, task_options: TaskOptions, options: LandscapeOptions, data: StoredTensors, model: StoredModel
) -> pd.DataFrame:
    """All scalar landscape measures of one cell, on the landscape rows."""
    if (status := row_status(cell, model)) != "ok":
        return unavailable(cell, "landscape", status)
    splits, task = Splits.from_tensors(data.tensors), build_task(task_options)
    ranges = sensor_ranges(task, splits)
    rows = measure_landscape(
        model.network,
        task.loss,
        [splits["landscape"]],
        options=options,
        input_covariance=None if ranges is None else ranges.deviation.square(),
        is_classifier=task.is_classifier,
    )
    return table(cell, _on_landscape_rows(rows))


def compare_seeds(
    group: CellGroup, task_options: TaskOptions, options: LandscapeOptions, data: StoredTensors, *models: StoredModel
) -> pd.DataFrame:
    """How alike the outputs and layers of every pair of seeds are, on the landscape rows."""
    inputs, task = Splits.from_tensors(data.tensors)["landscape"].inputs, build_task(task_options)
    statuses = [row_status(cell, model) for cell, model in zip(group.cells, models, strict=True)]
    if "undefined" in statuses:  # of all seeds alike: it follows from the precision
        names = ("cka", "disagreement_rate")
        missing = [Measurement("landscape", name, Estimate.missing("undefined")) for name in names]
        pairs = combinations(group.cells, 2)
        return stack(table(first, _on_landscape_rows(missing, reference=second.id)) for first, second in pairs)
    networks = [model.network if model.status == "ok" else None for model in models]
    return stack(
        table(
            first,
            _on_landscape_rows(
                compare_networks(
                    a,
                    b,
                    inputs,
                    options=options,
                    scored_outputs=task.scored_outputs,
                    is_classifier=task.is_classifier,
                ),
                reference=second.id,
            ),
        )
        for (first, a), (second, b) in combinations(zip(group.cells, networks, strict=True), 2)
    )


def picture_cell(
    cell: Cell, task: TaskOptions, options: LandscapeDetailOptions, data: StoredTensors, model: StoredModel
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the long table, spectral density and loss surfaces of one cell, on the landscape rows."""
    if (status := row_status(cell, model)) != "ok":
        missing = Measurement("landscape", "negative_spectral_mass", Estimate.missing(status))
        return table(cell, [missing]), pd.DataFrame(), pd.DataFrame()
    splits = Splits.from_tensors(data.tensors)
    problem = Problem(_folded(model), build_task(task).loss, [splits["landscape"]])
    density = spectral_density(
        problem,
        num_runs=options.density_runs,
        num_steps=options.density_steps,
        generator=generator(cell.task, "spectral_density"),
    )
    rows = None if options.surface_rows == "all" else options.surface_rows
    surfaces = {
        name: loss_surface(
            problem,
            directions=plane(name, problem, generator=generator(cell.task, "plane", name)),
            span=options.surface_span,
            num_points=options.surface_points,
            rows_per_point=rows,
            generator=generator(cell.task, "loss_surface"),
        )
        for name in options.surface_directions
    }
    planes = [cell_frame(cell, directions=name, **surface.columns()) for name, surface in surfaces.items()]
    curve = cell_frame(
        cell,
        eigenvalue=density.grid,
        density=density.density,
        standard_error=density.standard_error,
        num_runs=options.density_runs,
        num_products=density.num_products,
        status=density.status,
    )
    return table(cell, _on_landscape_rows(density.rows())), curve, pd.concat(planes) if planes else pd.DataFrame()


def connect_seeds(
    group: CellGroup,
    task_options: TaskOptions,
    options: LandscapeDetailOptions,
    data: StoredTensors,
    *models: StoredModel,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the long table and loss curves of the paths between the chosen pairs of seeds."""
    splits, task = Splits.from_tensors(data.tensors), build_task(task_options)
    count = None if options.pairs == "all" else options.pairs
    rows, curves = [], []
    for (first, a), (second, b) in islice(combinations(zip(group.cells, models, strict=True), 2), count):
        statuses = {row_status(first, a), row_status(second, b)}
        found = (
            mode_connectivity(
                _folded(a),
                _folded(b),
                task.loss,
                [splits["train"]],
                [splits["landscape"]],
                num_epochs=options.connectivity_epochs,
                learning_rate=options.connectivity_learning_rate,
                batch_size=options.connectivity_batch_size,
                num_points=options.connectivity_points,
                generator=generator(first.task, "mode_connectivity"),
            )
            if statuses == {"ok"}
            else ModeConnectivity.missing("undefined" if "undefined" in statuses else "non_finite")
        )
        rows.append(table(first, _on_landscape_rows(found.rows(), reference=second.id)))
        curves.append(cell_frame(first, reference=second.id, **found.columns()))
    return stack(rows), pd.concat(curves)


def _on_landscape_rows(rows: Iterable[Measurement], *, reference: str = "") -> list[Measurement]:
    """Where the whole family is measured, and the other seed's cell that a cell is compared with."""
    rows = [replace(row, split="landscape") for row in rows]
    return [replace(row, reference=reference, reference_kind="seed") for row in rows] if reference else rows


def _folded(model: StoredModel) -> nn.Module:
    """What is differentiated, batch-norm folded, as for the numbers in the long table."""
    return fold_batch_norm(differentiable(model.network))
