"""How a model is trained: the recipes, each a few numbers, distinguished by ``kind``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, Field, RootModel
from torch import Tensor, nn

from lowland.selection import Axes, Misfit
from lowland.training.recipe_base import RecipeBase, Weight
from lowland.training.recipes.adversarial import Adversarial
from lowland.training.recipes.bit_errors import BitErrors
from lowland.training.recipes.distilled_robust import DistilledRobust
from lowland.training.recipes.ema import Ema
from lowland.training.recipes.input_noise import Noise
from lowland.training.recipes.label_smoothing import LabelSmoothing
from lowland.training.recipes.mixup import Mixup
from lowland.training.recipes.sam import Sam
from lowland.training.regularizers import clip_weights, jacobian_penalty, orthogonality_penalty


class Plain(RecipeBase):
    """The loss and nothing else.

    Attributes:
        learning_rate_factor: Times the learning rate of ``training`` and ``fine_tuning``: a study of learning rates
            names one recipe a rate.
    """

    kind: Literal["plain"]
    learning_rate_factor: Weight = 1.0

    @property
    def rate_factor(self) -> float:
        """What learning rates are multiplied by."""
        return self.learning_rate_factor


class WeightDecay(RecipeBase):
    """Decoupled weight decay: every step also shrinks the weights (not biases) in proportion to themselves.

    Attributes:
        weight: Decay per unit of learning rate.

    Source:
        Loshchilov & Hutter 2019, arXiv 1711.05101.
    """

    kind: Literal["weight_decay"]
    weight: Weight

    @property
    def weight_decay(self) -> float:
        """The decay per unit of learning rate."""
        return self.weight


class Jacobian(RecipeBase):
    """Penalty on the input-output Jacobian: the loss plus ``weight`` times ½·E‖∂z/∂x‖²_F.

    Attributes:
        weight: Of the penalty.
        num_projections: Random orthonormal directions of the outputs in each batch that the norm is estimated from;
            at most the number of outputs, for which it is exact.

    Source:
        Hoffman, Roberts, Yaida 2019, arXiv 1908.02729.
    """

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

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Tokens, and more orthonormal directions than a task has outputs."""
        yield from super().misfits(axes)
        for name, task in axes.tasks.items():
            if self.num_projections > task.outputs:
                yield (
                    "num_projections",
                    f"is {self.num_projections}; expected 1 to {task.outputs}, the outputs of {name}",
                )


class Orthogonal(RecipeBase):
    """Penalty on the weight matrices' distance from orthonormality: the loss plus ``weight`` times Σ‖WWᵀ−I‖²_F.

    Attributes:
        weight: Of the penalty.

    Source:
        Cisse et al. 2017, arXiv 1704.08847; the smaller side of each matrix after Bansal et al. 2018, arXiv 1810.09102.
    """

    kind: Literal["orthogonal"]
    weight: Weight

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """``weight`` times Σ‖WWᵀ−I‖²_F."""
        return self.weight * orthogonality_penalty(network)


class Clipping(RecipeBase):
    """Weights clipped to a symmetric range after every step, so that quantizer ranges stay small.

    Attributes:
        limit: Weights (not biases) stay within ± this.

    Source:
        Stutz et al. 2021, arXiv 2006.13977 (weight clipping).
    """

    kind: Literal["clipping"]
    limit: Weight

    def after_step(self, network: nn.Module, *, float_from: str | None = None) -> None:
        """Clips the weights (not biases) that will be stored in codes to ±``limit``."""
        clip_weights(network, self.limit, float_from=float_from)


class Given(RecipeBase):
    """Not trained at all: the recipe of a network from outside, which is studied as it came."""

    kind: Literal["given"]


AnyRecipe = (
    Plain
    | WeightDecay
    | Jacobian
    | Orthogonal
    | Clipping
    | Noise
    | Sam
    | BitErrors
    | Adversarial
    | Mixup
    | LabelSmoothing
    | Ema
    | DistilledRobust
)


class Recipe(RootModel[Annotated[AnyRecipe | Given, Field(discriminator="kind")]]):
    """Any recipe; ``root`` is the one that ``kind`` names."""

    model_config = ConfigDict(frozen=True)

    @property
    def is_given(self) -> bool:
        """Whether its networks come from outside."""
        return isinstance(self.root, Given)

    @property
    def trains(self) -> bool:
        """Whether its networks are trained here."""
        return not self.is_given

    def misfits(self, axes: Axes) -> Iterable[Misfit]:
        """What does not fit the tasks."""
        return self.root.misfits(axes)
