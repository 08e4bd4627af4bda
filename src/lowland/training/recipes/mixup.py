"""The recipe ``mixup``: training on samples between samples."""

from __future__ import annotations

from typing import Literal

import torch
from scipy.special import betaincinv
from torch import Tensor, nn

from lowland.perturbation import FeatureRanges
from lowland.training.recipe_base import Batch, Loss, RecipeBase, Weight


class Mixup(RecipeBase):
    """Trains on convex combinations of pairs of samples of a batch, targets combined likewise.

    λx + (1 − λ)x' with λ from Beta(alpha, alpha), one a batch, and x' the batch in another order. Where targets are
    numbers they are combined; where they are classes the two losses are, which for cross-entropy is the loss on the
    combined targets. λ is the share of the larger part: exchanging x and x' gives the same pairs.

    Attributes:
        alpha: Of the Beta distribution: 1 is uniform, and towards 0 training becomes plain.

    Source:
        Zhang et al. 2018, arXiv 1710.09412.
    """

    kind: Literal["mixup"]
    alpha: Weight

    @property
    def disturbs_inputs(self) -> bool:
        """Every batch."""
        return True

    def disturbed(self, batch: Batch, network: nn.Module, ranges: FeatureRanges, generator: torch.Generator) -> Batch:
        """The batch mixed with itself in another order."""
        share = larger_share(self.alpha, float(torch.rand((), generator=generator, dtype=torch.float64)))
        order = torch.randperm(len(batch.inputs), generator=generator).to(batch.inputs.device)
        if share == 1.0:
            return batch
        mixed = batch._replace(inputs=torch.lerp(batch.inputs[order], batch.inputs, share), sample_losses=None)
        if batch.targets.is_floating_point():
            return mixed._replace(targets=torch.lerp(batch.targets[order], batch.targets, share))
        return mixed._replace(loss=mixed_loss(batch.loss, order, share))


def larger_share(alpha: float, quantile: float) -> float:
    """The larger of λ and 1 − λ, 0.5 to 1, λ being this quantile of Beta(alpha, alpha).

    Args:
        alpha: Above 0.
        quantile: 0 to 1.
    """
    return 1.0 - float(betaincinv(alpha, alpha, min(quantile, 1.0 - quantile)))


def mixed_loss(loss: Loss, order: Tensor, share: float) -> Loss:
    """The convex combination of the losses about a sample's own target and about its partner's.

    Args:
        loss: Of outputs [n, ...] and targets [n, ...].
        order: The partner of each sample [n].
        share: Of the sample's own, 0 to 1.
    """
    return lambda outputs, targets: share * loss(outputs, targets) + (1 - share) * loss(outputs, targets[order])
