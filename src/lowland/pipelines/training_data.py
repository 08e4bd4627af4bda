"""What networks of a task are trained with, for every stage that trains any."""

from __future__ import annotations

from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.tasks import Splits, Task
from lowland.training import TrainingData


def training_data(task: Task, splits: Splits, device: str = "cpu") -> TrainingData:
    """Training and validation rows on a device, the task's losses, and where its float networks stay float."""
    return TrainingData(
        splits["train"].to(device),
        splits["validation"].to(device),
        task.loss,
        ranges=sensor_ranges(task, splits),
        sample_losses=task.sample_losses,
        float_from=task.float_from,
    )
