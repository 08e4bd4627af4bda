"""A classifier's network has an output a class, which is looked at before it is trained."""

from __future__ import annotations

import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.tasks.splits import Samples
from lowland.tasks.task import Task

_FEW = 2  # rows that are looked at


def check_logits(task: Task, network: nn.Module, samples: Samples) -> None:
    """Refuses a classifier's network whose outputs are no logits [rows, classes].

    Args:
        task: Says how many classes there are; what names none may put out anything.
        network: Left as it came.
        samples: Any of the task, on the network's device or on the CPU.

    Raises:
        LowlandError: The shape that came and the one that was expected.
    """
    if not task.is_classifier:
        return
    trains, inputs = network.training, samples.inputs[:_FEW]
    device = next((each.device for each in network.parameters()), inputs.device)
    with torch.no_grad():
        outputs = task.scored_outputs(network.eval()(inputs.to(device)))
    network.train(trains)
    expected = (len(inputs), task.num_outputs)
    if tuple(outputs.shape) != expected:
        raise LowlandError(
            f"network: outputs have shape {tuple(outputs.shape)} for {len(inputs)} rows; expected {expected}: a logit "
            "for each class"
        )
