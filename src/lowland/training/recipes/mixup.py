"""The recipe ``mixup``: training on samples between samples."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from lowland.coding.tokens import PADDING
from lowland.perturbation import FeatureRanges
from lowland.perturbation.embeddings import from_vectors, looked_up
from lowland.training.recipe_base import Batch, Loss, RecipeBase, Weight


class Mixup(RecipeBase):
    """Trains on convex combinations of pairs of samples of a batch, targets combined likewise.

    λx + (1 − λ)x' with λ from Beta(alpha, alpha), one a batch, and x' the batch in another order. Where targets are
    numbers they are combined; where they are classes the two losses are, which for cross-entropy is the loss on the
    combined targets. λ is the share of the larger part: exchanging x and x' gives the same pairs. Of texts the
    embeddings are combined place by place, padding counting as zeros; a mixed text ends where the longer one does.

    Attributes:
        alpha: Of the Beta distribution: 1 is uniform, and towards 0 training becomes plain.

    Source:
        Zhang et al. 2018, arXiv 1710.09412; of embeddings Guo, Mao & Zhang 2019, arXiv 1905.08941 (wordMixup).
    """

    kind: Literal["mixup"]
    alpha: Weight

    @property
    def disturbs_inputs(self) -> bool:
        """Every batch."""
        return True

    @property
    def disturbs_embeddings(self) -> bool:
        """Of texts."""
        return True

    def disturbed_embeddings(self, batch: Batch, network: nn.Module, generator: torch.Generator) -> Batch:
        """The batch's embeddings mixed with themselves in another order."""
        share, order = self._drawn(batch, generator)
        tokens, partners = batch.inputs, batch.inputs[order]
        longer = torch.where(tokens == PADDING, partners, tokens)

        def outputs(model: nn.Module) -> Tensor:
            return from_vectors(model, torch.lerp(looked_up(model, partners), looked_up(model, tokens), share), longer)

        loss = mixed_loss(batch.loss, order, share)
        return batch._replace(loss=loss, sample_losses=None, outputs=outputs)

    def _drawn(self, batch: Batch, generator: torch.Generator) -> tuple[float, Tensor]:
        """The share of the larger part, and the partner of each sample [n]."""
        share = larger_share(self.alpha, float(torch.rand((), generator=generator, dtype=torch.float64)))
        return share, torch.randperm(len(batch.inputs), generator=generator).to(batch.inputs.device)

    def disturbed(self, batch: Batch, network: nn.Module, ranges: FeatureRanges, generator: torch.Generator) -> Batch:
        """The batch mixed with itself in another order."""
        share, order = self._drawn(batch, generator)
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
    from scipy.special import betaincinv, betaln  # not with the options: a refused run must not wait for SciPy

    nearer = min(quantile, 1.0 - quantile)
    least = float(betaincinv(alpha, alpha, nearer))
    if math.isnan(least):  # of the tiniest quantiles; there the integral is x^alpha / (alpha B(alpha, alpha))
        least = math.exp((math.log(nearer) + math.log(alpha) + float(betaln(alpha, alpha))) / alpha)
    return 1.0 - least


def mixed_loss(loss: Loss, order: Tensor, share: float) -> Loss:
    """The convex combination of the losses about a sample's own target and about its partner's.

    Args:
        loss: Of outputs [n, ...] and targets [n, ...].
        order: The partner of each sample [n].
        share: Of the sample's own, 0 to 1.
    """
    return lambda outputs, targets: share * loss(outputs, targets) + (1 - share) * loss(outputs, targets[order])
