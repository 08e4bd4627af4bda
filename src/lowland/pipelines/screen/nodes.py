"""Measures of float runs that need not be finished, and what they foretell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
from pydantic import TypeAdapter

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.analysis.screening.answer import answer
from lowland.analysis.screening.cells import Known, screened
from lowland.analysis.screening.families import known_study
from lowland.analysis.screening.options import ScreeningOptions
from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.devices import resolve_device
from lowland.errors import LowlandError
from lowland.grid import Run
from lowland.landscape import LandscapeOptions
from lowland.measurements import WITH_CODES, Cell, stack
from lowland.pipelines.landscape.nodes import measure_cell
from lowland.pipelines.quantization.nodes import FLOAT_BITS, deploy_float, quantize_after_training
from lowland.pipelines.training_data import training_data
from lowland.quantization import Precision, QuantizationOptions
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.training import Recipe, TrainingPlan, train

Precisions = TypeAdapter(dict[str, Precision])
"""Kedro validates single models, not mappings of them."""


def measure_run(
    run: Run,
    task_options: TaskOptions,
    recipe: Recipe,
    precisions: Mapping[str, Any],
    training: TrainingPlan,
    quantization: QuantizationOptions,
    landscape: LandscapeOptions,
    options: ScreeningOptions,
    device: str,
    data: StoredTensors,
) -> pd.DataFrame:
    """Performance and landscape of a run after a share of its epochs, or of its copies, and the seconds of it all."""
    start = time.perf_counter()
    target, task, splits = resolve_device(device), build_task(task_options), Splits.from_tensors(data.tensors)
    network = initialised_network(task.network_spec_for(splits["train"]), key=(run.task, run.number)).to(target)
    result = train(
        network,
        training_data(task, splits, target),
        recipe=recipe.root,
        options=training.of(run.task),
        key=(run.task, run.number),
        epochs_share=options.epochs_share,
    )
    trained, trained_at = StoredModel(result.network.cpu(), result.status), time.perf_counter()
    parts = []
    for cell, precision in _sources(run, Precisions.validate_python(precisions), options):
        if precision is None:
            model, rows = deploy_float(cell, task_options, data, trained)
        else:
            model, rows = quantize_after_training(cell, precision, quantization, task_options, data, trained)
        parts += [rows, measure_cell(cell, task_options, landscape, data, model)]
    return stack(parts).assign(
        epochs_share=options.epochs_share,
        training_seconds=trained_at - start,
        measuring_seconds=time.perf_counter() - trained_at,
    )


def screen(
    options: ScreeningOptions,
    precisions: Mapping[str, Any],
    qat_recipes: tuple[str, ...] | Literal["all"],
    *runs: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """What all runs measured, what that foretells of every cell with codes, and the recipes worth training."""
    sources = stack(runs)
    assert options.known is not None, "without a known study there is no such node"
    table, families = known_study(options.known)
    known = Known(table, families, _known_sources(table, options, sources))
    wanted = _wanted(sources, Precisions.validate_python(precisions), qat_recipes)
    predicted, records = screened(known, sources, wanted, options)
    return sources, predicted, answer(predicted, records, options)


def _sources(
    run: Run, precisions: Mapping[str, Precision], options: ScreeningOptions
) -> list[tuple[Cell, Precision | None]]:
    """The float cell, or one copy for every width that some precision has."""

    def cell(name: str, method: Literal["float", "ptq"], weights: float, activations: float) -> Cell:
        return Cell(
            task=run.task,
            recipe=run.recipe,
            seed=run.seed,
            precision=name,
            method=method,
            weight_bits=weights,
            activation_bits=activations,
        )

    if options.source == "float":
        return [(cell("float", "float", FLOAT_BITS, FLOAT_BITS), None)]
    widths = {
        (each.weight_bits, each.activation_bits): None for each in precisions.values() if each.method in ("qat", "ptq")
    }
    return [
        (
            cell(f"ptq{weights:g}_{activations:g}", "ptq", weights, activations),
            Precision(method="ptq", weight_bits=weights, activation_bits=activations),
        )
        for weights, activations in widths
    ]


def _known_sources(known: pd.DataFrame, options: ScreeningOptions, sources: pd.DataFrame) -> pd.DataFrame:
    """What the known study's own runs measured at the same share of their epochs."""
    if options.known_screened is None:
        if options.epochs_share == 1:
            return known
        run = ["task", "recipe", "seed"]
        of_task = known[known.task.isin(sources.task.unique()) & (known.seed != "pairs")]
        runs = set(of_task[run].itertuples(index=False, name=None))
        if runs and runs <= set(sources[run].itertuples(index=False, name=None)):
            return sources  # it is the known study that is screened
        raise LowlandError(
            f"screening.known_screened is none and screening.epochs_share is {options.epochs_share}; expected "
            "screened.parquet of the known study's runs at this share: screen that study first, or train whole runs"
        )
    path = options.known_screened
    if not path.is_file():
        raise LowlandError(
            f"screening.known_screened is {path}, which is not there; expected screened.parquet of a screening of the "
            "known study's runs, or none"
        )
    table = pd.read_parquet(path)
    if set(table.epochs_share) != set(sources.epochs_share):
        raise LowlandError(
            f"screening.known_screened is {path}, measured after {sorted(set(table.epochs_share))} of the epochs; "
            f"expected {options.epochs_share}: screen the known study with the same epochs_share"
        )
    return table


def _wanted(
    sources: pd.DataFrame, precisions: Mapping[str, Precision], qat_recipes: tuple[str, ...] | Literal["all"]
) -> pd.DataFrame:
    """All cells with codes of the measured runs."""
    runs = sources[["task", "recipe", "seed"]].drop_duplicates()
    deployed = pd.DataFrame(
        [
            {"precision": name, "method": each.method, "weight_bits": float(each.weight_bits)}
            for name, each in precisions.items()
            if each.method in WITH_CODES
        ]
    )
    cells = runs.merge(deployed, how="cross")
    tuned = cells.recipe.isin(list(qat_recipes)) if qat_recipes != "all" else True
    return cells[(cells.method != "qat") | tuned].reset_index(drop=True)
