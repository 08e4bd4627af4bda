"""The recipe ``label_smoothing``: part of every target is spread over all classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from lowland.selection import Axes, Misfit
from lowland.training.recipe_base import Loss, RecipeBase


class LabelSmoothing(RecipeBase):
    """Trains a classifier on targets of which a share is spread evenly over all classes.

    (1 − smoothing)·L(z, y) + smoothing·(mean over the classes k of L(z, k)) with the task's own loss L; for
    cross-entropy, that on the softened targets. Validation is on the targets as they are.

    Attributes:
        smoothing: The share, at least 0 (plain training), below 1.

    Source:
        Szegedy et al. 2016, arXiv 1512.00567, section 7.
    """

    kind: Literal["label_smoothing"]
    smoothing: Annotated[float, Field(ge=0, lt=1)]

    @property
    def expects_classes(self) -> bool:
        """There is nothing to spread over numbers."""
        return True

    def loss(self, loss: Loss) -> Loss:
        """The loss on the softened targets."""
        return smoothed(loss, self.smoothing) if self.smoothing else loss

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Tasks that name no classes."""
        for name, task in axes.tasks.items():
            if not task.is_classifier:
                yield "kind", f"is label_smoothing; expected another recipe: task {name} is no classification"


def smoothed(loss: Loss, smoothing: float) -> Loss:
    """A loss on targets of which a share is spread evenly over all classes.

    Args:
        loss: Of outputs [n, classes] and classes [n].
        smoothing: The share, 0 to 1.
    """

    def softened(outputs: Tensor, targets: Tensor) -> Tensor:
        classes = range(outputs.shape[1])
        spread = torch.stack([loss(outputs, torch.full_like(targets, number)) for number in classes]).mean()
        return (1 - smoothing) * loss(outputs, targets) + smoothing * spread

    return softened
