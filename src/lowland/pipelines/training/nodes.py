"""Float training of one run, or the network that a task has from outside."""

from __future__ import annotations

import pandas as pd

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.devices import resolve_device
from lowland.grid import Run
from lowland.pipelines.training_data import training_data
from lowland.quantization import imported_network
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.tasks.logits import check_logits
from lowland.training import Recipe, TrainingPlan, train

COMPARED_ROWS = 1000
"""Training rows on which a network from outside is compared with the module that it is read from."""


def train_float(
    run: Run, task_options: TaskOptions, recipe: Recipe, options: TrainingPlan, device: str, data: StoredTensors
) -> tuple[StoredModel, pd.DataFrame]:
    """The run's float network and its learning curves."""
    target, task, splits = resolve_device(device), build_task(task_options), Splits.from_tensors(data.tensors)
    network = initialised_network(task.network_spec_for(splits["train"]), key=(run.task, run.number)).to(target)
    check_logits(task, network, splits["train"])
    result = train(
        network,
        training_data(task, splits, target),
        recipe=recipe.root,
        options=options.of(run.task),
        key=(run.task, run.number),
    )
    curves = result.curves.assign(task=run.task, recipe=run.recipe, seed=run.seed, precision="float")
    return StoredModel(result.network.cpu(), result.status), curves


def read_network(task_options: TaskOptions, data: StoredTensors) -> tuple[StoredModel, StoredModel]:
    """The dequantized copy of the task's network from outside, which stands for what is trained, and the network."""
    task, rows = build_task(task_options), Splits.from_tensors(data.tensors)["train"]
    network = imported_network(task.network_spec_for(rows), rows.inputs[:COMPARED_ROWS]).eval()
    check_logits(task, network, rows)
    return StoredModel(network.dequantized()), StoredModel(network)
