"""A cell retrained on its disagreements, and on as many random rows, judged on rows that neither has seen."""

from __future__ import annotations

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.devices import resolve_device
from lowland.estimate import Estimate
from lowland.grid import Run
from lowland.measurements import Cell, Measurement, table
from lowland.pipelines.training_data import training_data
from lowland.quantization import Precision, QuantizationOptions
from lowland.retraining import Continuation, JudgedRows, RetrainedCell, RetrainingOptions, retraining_rows
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.training import Recipe, TrainingPlan


def retrain_on_disagreements(
    cell: Cell,
    run: Run,
    recipe: Recipe,
    precision: Precision,
    quantization: QuantizationOptions,
    fine_tuning: TrainingPlan,
    options: RetrainingOptions,
    device: str,
    task_options: TaskOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> pd.DataFrame:
    """What becomes of old disagreements and how many are new, on the nominal and on every shifted set."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    status = trained.status if trained.status != "ok" else model.status
    if status != "ok" or not task.is_classifier or "retraining" not in splits.sets:
        lost = Estimate.missing(status if status != "ok" else "undefined")
        return table(cell, [Measurement("disagreement", "retraining_rows", lost, split="retraining")])
    pool = [JudgedRows(*splits["retraining"], "retraining")]
    pool += [JudgedRows(*each.half("selection"), "retraining", name) for name, each in splits.shifted.items()]
    judged = [JudgedRows(*splits["test"], "test")]
    judged += [JudgedRows(*each.half("test"), "test", name) for name, each in splits.shifted.items()]
    how = Continuation(
        recipe.root, options.training, precision, quantization, fine_tuning.of(run.task), resolve_device(device)
    )
    found = RetrainedCell(run.id, trained.network, model.network, training_data(task, splits), task.scored_outputs)
    key = (run.task, run.number, "retraining")
    return table(cell, retraining_rows(found, pool, judged, how, most_rows=options.most_rows, key=key))
