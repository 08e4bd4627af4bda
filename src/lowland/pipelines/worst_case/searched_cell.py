"""The rows that a cell is searched on and judged by, and its network under policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.measurements import HALVES, Cell, Split
from lowland.quantization import DynamicNetwork, Precision, quantize_dynamically
from lowland.scores import sign
from lowland.tasks import Splits, Task, TaskOptions, build_task
from lowland.worst_case.deployed_subject import dynamic_precision, subject_of
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.problem import Harm, Rows
from lowland.worst_case.subject import PolicySubject

Change = Callable[[nn.Module, Tensor], nn.Module]
"""(Float network, sample) to the same function with other channel scales."""


class SearchedCell:
    """What a cell is searched on and judged by."""

    def __init__(self, cell: Cell, task_options: TaskOptions, options: WorstCaseOptions, data: StoredTensors) -> None:
        self.cell, self.options, self.task = cell, options, build_task(task_options)
        splits = Splits.from_tensors(data.tensors)
        self.searched = Rows(*(part[: options.rows] for part in splits["validation"]))
        self.reported: Mapping[Split, Rows] = {half: Rows(*splits[half]) for half in HALVES}
        self.shifted: Mapping[str, Mapping[Split, Rows]] = {
            name: {half: Rows(*held_out.half(half)) for half in held_out.halves}
            for name, held_out in splits.shifted.items()
        }
        self.sample = self.searched.inputs[:1]

    def judged(self, network: nn.Module, precision: Precision | None = None) -> JudgedCell:
        """A network under policies; a float one is made dynamic at a precision first, where one is given."""
        if precision is not None:
            network = quantize_dynamically(network, precision, float_from=self.task.float_from)
        subject: PolicySubject = subject_of(
            network, self.sample, runtime=self.options.runtime, float_from=self.task.float_from
        )
        # A class is looked up at once; other scores may solve a problem for every row (earth mover's distance: 5 ms).
        told = None if self.task.is_classifier else self.task.sample_losses
        return JudgedCell(subject, _harm(self.task), self.task.decisions, told)

    def rescaled(self, change: Change, model: StoredModel, trained: StoredModel, precision: Precision) -> JudgedCell:
        """The cell made again from its float network, after a change of the channel scales.

        Raises:
            LowlandError: The float network cannot be traced, or its channels cannot be rescaled.
        """
        dynamic = isinstance(model.network, DynamicNetwork)
        source = trained.network if dynamic else model.network
        how = precision if dynamic else dynamic_precision(self.options.runtime)
        return self.judged(change(source, self.sample), how)


def _harm(task: Task) -> Harm:
    """What every row loses of the task's score."""
    direction = sign(task.score_name)

    def lost(outputs: Tensor, targets: Tensor) -> Tensor:
        return -direction * task.sample_scores(outputs, targets).double()

    return lost
