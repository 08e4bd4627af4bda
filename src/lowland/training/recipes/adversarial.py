"""The recipe ``adversarial``: every batch is replaced by the worst inputs near it."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from lowland.errors import LowlandError
from lowland.perturbation import Ball, Effort, FeatureRanges, pgd
from lowland.perturbation.ball import Norm
from lowland.training.modes import evaluated
from lowland.training.recipe_base import Batch, RecipeBase


class Adversarial(RecipeBase):
    """Minimises the loss at the worst inputs that projected gradient ascent finds within a ball around each sample.

    min over w of E[max over ‖(x' − x)/s‖ ≤ radius of L(w, x')], s being the training standard deviations, as where
    attacks are measured. The attack is on the network in evaluation mode: running statistics of batch-norm and no
    dropout, as it will be deployed, so that no sample of a batch helps to attack another; the step is in training mode.
    In quantization-aware training the fake-quantized network is attacked.

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
        if batch.sample_losses is None:
            raise ValueError(
                "sample_losses is None; recipe adversarial expects the loss of every sample, which the attack raises: "
                "TrainingData(..., sample_losses=...)"
            )
        if batch.inputs.device.type == "mps":
            raise LowlandError(
                "device is mps, which has no float64; recipe adversarial expects cpu or cuda: set device: cpu"
            )
        # Of a feature without a finite spread no change has a size: training goes on to tell that it diverged.
        ball = Ball(self.norm, self.radius, ranges.deviation.nan_to_num(posinf=0.0), ranges.limits)
        effort = Effort(self.num_steps, random_start=self.random_start, generator=generator)
        with evaluated(network):
            found = pgd(network, batch.sample_losses, batch.inputs, batch.targets, ball=ball, effort=effort)
        return batch._replace(inputs=found.inputs)
