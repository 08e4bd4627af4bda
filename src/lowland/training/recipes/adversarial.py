"""The recipe ``adversarial``: every batch is replaced by the worst inputs near it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from lowland.coding.tokens import PADDING
from lowland.errors import LowlandError
from lowland.perturbation import Ball, Effort, FeatureRanges, pgd
from lowland.perturbation.ball import Norm
from lowland.perturbation.embeddings import from_vectors, looked_up, spread
from lowland.training.modes import evaluated
from lowland.training.recipe_base import Batch, Model, RecipeBase


class Adversarial(RecipeBase):
    """Minimises the loss at the worst inputs that projected gradient ascent finds within a ball around each sample.

    min over w of E[max over ‖(x' − x)/s‖ ≤ radius of L(w, x')], s being the training standard deviations, as where
    attacks are measured. The attack is on the network in evaluation mode: running statistics of batch-norm and no
    dropout, as it will be deployed, so that no sample of a batch helps to attack another; the step is in training mode.
    In quantization-aware training the fake-quantized network is attacked. Of texts the embeddings are attacked, s being
    the standard deviation of their entries; the weights of the embedding are trained below the change that was found.

    Attributes:
        radius: Of the ball, in training standard deviations of each feature: the level of attacks. 0 is plain training.
        norm: ``linf`` or ``l2``.
        num_steps: Gradients of an attack. Step k of K, from 0, is 2·radius·(1 − k/K) long.
        random_start: Start uniformly in the ball rather than at the sample. One step without it is FGSM.

    Source:
        Madry et al. 2018, arXiv 1706.06083; attacked in evaluation mode as in Zhang et al. 2019, arXiv 1901.08573.
    """

    kind: Literal["adversarial"]
    radius: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    norm: Norm = "linf"
    num_steps: Annotated[int, Field(ge=1)] = 7
    random_start: bool = True

    @property
    def disturbs_inputs(self) -> bool:
        """Every batch."""
        return True

    def disturbed(self, batch: Batch, network: nn.Module, ranges: FeatureRanges, generator: torch.Generator) -> Batch:
        """The worst inputs found.

        Raises:
            LowlandError: A device without float64.
            ValueError: The batch does not say the loss of every sample.
        """
        # Of a feature without a finite spread no change has a size: training goes on to tell that it diverged.
        scale = ranges.deviation.nan_to_num(posinf=0.0)
        ball = Ball(self.norm, self.radius, scale, ranges.limits)
        with evaluated(network):
            return batch._replace(inputs=self._worst(network, batch, ball, generator))

    @property
    def disturbs_embeddings(self) -> bool:
        """Of texts."""
        return True

    def disturbed_embeddings(self, batch: Batch, network: nn.Module, generator: torch.Generator) -> Batch:
        """The worst embeddings found; errors as of ``disturbed``."""
        tokens = batch.inputs
        vectors = looked_up(network, tokens).detach()
        size = torch.tensor(spread(network)).nan_to_num(posinf=0.0)
        ball = Ball(self.norm, self.radius, size * (tokens != PADDING)[:, :, None].to(vectors))
        with evaluated(network):
            attacked = partial(_of_vectors, network, tokens)
            change = self._worst(attacked, batch._replace(inputs=vectors), ball, generator) - vectors

        def outputs(model: nn.Module) -> Tensor:
            return from_vectors(model, looked_up(model, tokens) + change, tokens)

        return batch._replace(outputs=outputs)

    def _worst(self, model: Model, batch: Batch, ball: Ball, generator: torch.Generator) -> Tensor:
        """What projected gradient ascent finds from the inputs of a batch."""
        if batch.sample_losses is None:
            raise ValueError(
                "sample_losses is None; recipe adversarial expects the loss of every sample, which the attack raises: "
                "TrainingData(..., sample_losses=...)"
            )
        if batch.inputs.device.type == "mps":
            raise LowlandError(
                "device is mps, which has no float64; recipe adversarial expects cpu or cuda: set device: cpu"
            )
        effort = Effort(self.num_steps, random_start=self.random_start, generator=generator)
        return pgd(model, batch.sample_losses, batch.inputs, batch.targets, ball=ball, effort=effort).inputs


def _of_vectors(network: nn.Module, tokens: Tensor, vectors: Tensor) -> Tensor:
    return from_vectors(network, vectors, tokens)
