"""Loss, score and decisions of every task that names one of several classes."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.tasks.task import Task, classification_scores, majority_share


class Classifier(Task):
    """A task with outputs [rows, classes] and targets [rows]: cross-entropy and accuracy."""

    score_name = "accuracy"
    decides = True

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        return torch.nn.functional.cross_entropy(outputs, targets)

    def row_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of every row."""
        return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")

    def row_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 for the right class, else 0."""
        return classification_scores(outputs, targets)

    def guess_score(self, targets: Tensor) -> float:
        """Accuracy of always naming the most frequent class."""
        return majority_share(targets)

    def decisions(self, outputs: Tensor) -> Tensor:
        """The class with the highest output."""
        return outputs.argmax(dim=1)
