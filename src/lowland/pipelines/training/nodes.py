"""Float training of one run."""

from __future__ import annotations

import pandas as pd

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.devices import resolve_device
from lowland.grid import Run
from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.training import Recipe, TrainingData, TrainingPlan, train


def train_float(
    run: Run, task_options: TaskOptions, recipe: Recipe, options: TrainingPlan, device: str, data: StoredTensors
) -> tuple[StoredModel, pd.DataFrame]:
    """The run's float network and its learning curves."""
    target, task, splits = resolve_device(device), build_task(task_options), Splits.from_tensors(data.tensors)
    network = initialised_network(task.network_spec_for(splits["train"]), key=(run.task, run.number)).to(target)
    result = train(
        network,
        TrainingData(
            splits["train"].to(target),
            splits["validation"].to(target),
            task.loss,
            ranges=sensor_ranges(task, splits),
            float_from=task.float_from,
        ),
        recipe=recipe.root,
        options=options.of(run.task),
        key=(run.task, run.number),
    )
    curves = result.curves.assign(task=run.task, recipe=run.recipe, seed=run.seed, precision="float")
    return StoredModel(result.network.cpu(), result.status), curves
