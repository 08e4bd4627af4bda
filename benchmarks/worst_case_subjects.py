"""The networks of the worst-case benchmark: perceptrons with four and six layers on jets, convolutions on digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import TypeAdapter
from torch import nn

from lowland.architectures import initialised_network
from lowland.pipelines.training_data import training_data
from lowland.randomness import Key
from lowland.tasks import Samples, Splits, Task, TaskOptions, build_task
from lowland.training import Recipe, TrainingPlan, train

ROOT = Path(__file__).resolve().parents[1]
JETS = {
    "kind": "jets",
    "source": "file",
    "train_rows": 20000,
    "validation_rows": 1000,
    "landscape_rows": 100,
    "test_rows": 4000,
    "hidden": [64, 32, 32],
}
DIGITS = {
    "kind": "images",
    "source": "digits",
    "shift": "none",
    "train_rows": 1000,
    "validation_rows": 200,
    "landscape_rows": 100,
    "test_rows": 497,
    "network": "lenet5",
}
NETWORKS: dict[str, dict[str, Any]] = {
    "jets, 4 layers": JETS,
    "jets, 6 layers": JETS | {"hidden": [64, 32, 32, 32, 32]},
    "digits, LeNet-5": DIGITS,
    "digits, ResNet-8": DIGITS | {"network": "resnet8", "width": 8},
}
PLANS = {
    "jets": {"epochs": 20, "batch_size": 512, "learning_rate": 4e-3, "schedule": "cosine"},
    "images": {"epochs": 30, "batch_size": 64, "learning_rate": 3e-3, "schedule": "cosine"},
}


@dataclass(frozen=True)
class BenchmarkSubject:
    """A trained network with the rows of its task.

    Attributes:
        name: Of the network.
        task: Its task.
        splits: Its rows.
        network: In float.
        seed: Of its training.
    """

    name: str
    task: Task
    splits: Splits
    network: nn.Module
    seed: int

    @property
    def searching(self) -> Samples:
        """Rows on which policies are searched for."""
        parts = zip(self.splits["validation"], self.splits["selection"], strict=True)
        return Samples(*(torch.cat(part) for part in parts))


@cache
def task_and_rows(name: str) -> tuple[Task, Splits]:
    """A network's task and its rows; those of jets come from the study's raw data.

    Args:
        name: A key of ``NETWORKS``.
    """
    options = NETWORKS[name]
    task = build_task(TypeAdapter(TaskOptions).validate_python(options))
    raw = pd.read_parquet(ROOT / "data/01_raw/jets.parquet") if options["kind"] == "jets" else task.fetch()
    return task, task.prepare(raw)


def trained(start: nn.Module, name: str, *, recipe: str = "plain", key: tuple[Key, ...]) -> nn.Module:
    """A network with these initial weights, trained on a task's rows.

    Args:
        start: Left as it came.
        name: A key of ``NETWORKS``, which says the task.
        recipe: Kind of a recipe, with its usual options.
        key: Of the batches.
    """
    task, splits = task_and_rows(name)
    plan = TypeAdapter(TrainingPlan).validate_python(PLANS[NETWORKS[name]["kind"]]).of(name)
    how = TypeAdapter(Recipe).validate_python({"kind": recipe}).root
    data = training_data(task, splits, torch.device("cpu"))
    return train(start, data, recipe=how, options=plan, key=key).network.eval()


def subject(name: str, *, recipe: str = "plain", seed: int = 0) -> BenchmarkSubject:
    """One trained network.

    Args:
        name: A key of ``NETWORKS``.
        recipe: Kind of a recipe, with its usual options.
        seed: Of initial weights and batches.
    """
    task, splits = task_and_rows(name)
    start = initialised_network(task.network_spec_for(splits["train"]), key=(name, seed))
    return BenchmarkSubject(name, task, splits, trained(start, name, recipe=recipe, key=(name, seed)), seed)
