"""The recipe ``noise``: every batch is seen through the noise that deployed inputs meet."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from lowland.perturbation import INPUT_NOISES, FeatureRanges
from lowland.perturbation.input_noise import NoiseKind, draw
from lowland.training.recipe_base import Batch, RecipeBase


class Noise(RecipeBase):
    """Training under input noise, drawn anew for every batch; targets stay as they are.

    Attributes:
        noise: Key of ``INPUT_NOISES``.
        level: Per cent, in the same units as where robustness is measured.

    Source:
        Bishop 1995, Neural Computation 7(1), 108-116.
    """

    kind: Literal["noise"]
    noise: NoiseKind
    level: Annotated[float, Field(gt=0, le=100)]

    @property
    def disturbs_inputs(self) -> bool:
        """Every batch."""
        return True

    def disturbed(self, batch: Batch, network: nn.Module, ranges: FeatureRanges, generator: torch.Generator) -> Batch:
        """The inputs under a fresh draw of the noise."""
        number = int(torch.randint(2**62, (), generator=generator))
        disturbance = draw(batch.inputs.shape, key=("training noise", number)).to(batch.inputs.device)
        return batch._replace(inputs=INPUT_NOISES[self.noise](batch.inputs, ranges, disturbance, level=self.level))
