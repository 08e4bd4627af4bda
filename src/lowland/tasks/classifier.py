"""Loss, score and decisions of every task that names one of several classes."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.tasks.task import Task, classification_scores, majority_share


class Classifier(Task):
    """A task with outputs [samples, classes] and targets [samples]: cross-entropy and accuracy."""

    score_name = "accuracy"
    is_classifier = True

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        return torch.nn.functional.cross_entropy(outputs, targets)

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of every sample."""
        return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")

    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 for the right class, else 0."""
        return classification_scores(outputs, targets)

    def guess_score(self, targets: Tensor) -> float:
        """Accuracy of always naming the most frequent class."""
        return majority_share(targets)

    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """Logarithms of the classes' shares: the most frequent one is named, and no constant has a lower loss."""
        shares = training.bincount(minlength=self.num_outputs).float() / len(training)
        return shares.clamp(min=torch.finfo(shares.dtype).tiny).log().expand(count, -1)

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """The classes."""
        return targets

    def decisions(self, outputs: Tensor) -> Tensor:
        """The class with the highest output."""
        return outputs.argmax(dim=1)
