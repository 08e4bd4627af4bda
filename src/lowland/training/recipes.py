"""How a model is trained: the recipes, each a few numbers told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, RootModel
from torch import Tensor, nn

from lowland.training.regularizers import jacobian_penalty, orthogonality_penalty, weight_layers

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RecipeBase(BaseModel):
    """What a recipe may add to the loss, the optimizer and the step; by default nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def differentiates_inputs(self) -> bool:
        """Whether ``penalty`` needs gradients with respect to the inputs."""
        return False

    @property
    def decay(self) -> float:
        """Decoupled weight decay handed to the optimizer, for weights (not biases)."""
        return 0.0

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """What is added to the loss; None for nothing."""
        return None

    def after_step(self, network: nn.Module) -> None:
        """What is done to the weights after every optimizer step."""


class Plain(RecipeBase):
    """The loss and nothing else."""

    kind: Literal["plain"]


class WeightDecay(RecipeBase):
    """Decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101) of the weights."""

    kind: Literal["weight_decay"]
    weight: Weight

    @property
    def decay(self) -> float:
        """The decay per unit of learning rate."""
        return self.weight


class Jacobian(RecipeBase):
    """Penalty on the input-output Jacobian."""

    kind: Literal["jacobian"]
    weight: Weight
    num_projections: Annotated[int, Field(ge=1)] = 1

    @property
    def differentiates_inputs(self) -> bool:
        """The penalty is made of input gradients."""
        return True

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """``weight`` times ½·E‖∂z/∂x‖²_F."""
        return self.weight * jacobian_penalty(
            outputs, inputs, num_projections=self.num_projections, generator=generator
        )


class Orthogonal(RecipeBase):
    """Penalty on the weight matrices' distance from orthonormality."""

    kind: Literal["orthogonal"]
    weight: Weight

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """``weight`` times Σ‖WWᵀ−I‖²_F."""
        return self.weight * orthogonality_penalty(network)


class Clipping(RecipeBase):
    """Weights clipped to a symmetric range after every step, so that quantizer ranges stay small."""

    kind: Literal["clipping"]
    limit: Weight

    def after_step(self, network: nn.Module) -> None:
        """Clips all weights (not biases) to ±``limit``."""
        with torch.no_grad():
            for layer in weight_layers(network):
                layer.weight.clamp_(-self.limit, self.limit)


class Recipe(RootModel[Annotated[Plain | WeightDecay | Jacobian | Orthogonal | Clipping, Field(discriminator="kind")]]):
    """Any recipe; ``root`` is the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)
