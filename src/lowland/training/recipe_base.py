"""What a recipe may do at each place of the training loop; by default nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from lowland.perturbation import FeatureRanges
from lowland.selection import Axes, Misfit

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Value(NamedTuple):
    """What is minimised on one batch, and the recipe's penalty in it (None for none)."""

    total: Tensor
    penalty: Tensor | None


Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs [n, ...] and targets [n, ...] to their mean loss over the samples."""


Model = Callable[[Tensor], Tensor]
"""Inputs [n, ...] to outputs [n, ...]: a network, or one that computes with other weights than its own."""


class Batch(NamedTuple):
    """What the network is trained on in one step.

    Attributes:
        inputs: [n, ...].
        targets: [n, ...].
        loss: Of outputs and these targets; a recipe that mixes samples puts another one here.
        sample_losses: The loss of every sample [n]; None where that is not known.
        outputs: What a model makes of the batch, where embeddings of tokens are changed; None: of its inputs.
    """

    inputs: Tensor
    targets: Tensor
    loss: Loss
    sample_losses: Loss | None = None
    outputs: Callable[[nn.Module], Tensor] | None = None

    def outputs_of(self, model: Model) -> Tensor:
        """What a model makes of the batch [n, ...]; the network itself, where embeddings are changed."""
        if self.outputs is None:
            return model(self.inputs)
        if not isinstance(model, nn.Module):
            raise TypeError("model is no module; batches with changed embeddings expect the network itself")
        return self.outputs(model)


Objective = Callable[[Model], Value]
"""Loss and penalty of a model on the batch at hand."""


class Iterates:
    """Which of the weights that training passes through are validated and kept: the last ones of every epoch."""

    def add(self, network: nn.Module) -> None:
        """Sees the weights after a step; the network is left as it came."""

    @contextmanager
    def kept(self, network: nn.Module, inputs: Tensor, batches: Sequence[Tensor]) -> Iterator[None]:
        """A context in which the network has what is kept; afterwards it is as it came.

        Args:
            network: In training mode, at the end of an epoch.
            inputs: Of all training samples [n, ...].
            batches: Sample numbers of each batch of the epoch.
        """
        yield


class RecipeBase(BaseModel):
    """What a recipe may do to the batch, the loss, its gradients, the optimizer and the step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """What does not fit the tasks of a study: tokens have no neighbours to be moved to, embeddings have."""
        if self.differentiates_inputs:
            does = "takes derivatives in inputs"
        elif self.disturbs_inputs and not self.disturbs_embeddings:
            does = "changes inputs"
        else:
            return
        for name, task in axes.tasks.items():
            if task.input_kind == "tokens":
                yield "kind", f"{does}, which of {name} are tokens; expected adversarial or mixup, or another"

    @property
    def differentiates_inputs(self) -> bool:
        """Whether ``penalty`` needs gradients with respect to the inputs."""
        return False

    @property
    def disturbs_inputs(self) -> bool:
        """Whether ``disturbed`` does anything, which takes inputs that are floats."""
        return False

    @property
    def disturbs_embeddings(self) -> bool:
        """Whether ``disturbed_embeddings`` does the same where inputs are tokens."""
        return False

    @property
    def expects_classes(self) -> bool:
        """Whether targets must be numbers of classes."""
        return False

    @property
    def rate_factor(self) -> float:
        """What the learning rate of the options is multiplied by."""
        return 1.0

    @property
    def weight_decay(self) -> float:
        """Decoupled weight decay handed to the optimizer, for weights (not biases)."""
        return 0.0

    def prepared(
        self, network: nn.Module, trained: Callable[[nn.Module, RecipeBase], nn.Module], *, float_from: str | None
    ) -> RecipeBase:
        """What one training is done with: the recipe itself, or one that knows what it needs of the network.

        Args:
            network: That is about to be trained; left as it is.
            trained: Trains another network by another recipe, on the same data, for as long, with the same keys.
            float_from: See ``TrainingData``.
        """
        return self

    def loss(self, loss: Loss) -> Loss:
        """What is minimised in place of the task's loss; what is validated stays the task's."""
        return loss

    def iterates(self) -> Iterates:
        """What one training keeps of its weights."""
        return Iterates()

    def disturbed(self, batch: Batch, network: nn.Module, ranges: FeatureRanges, generator: torch.Generator) -> Batch:
        """The batch that the network is trained on instead; called where ``disturbs_inputs``.

        Args:
            batch: As drawn; its tensors are left as they are.
            network: In training mode, with its present weights; left as it came, gradients included.
            ranges: In whose units inputs are disturbed.
            generator: For whatever is drawn anew in every batch.
        """
        return batch

    def disturbed_embeddings(self, batch: Batch, network: nn.Module, generator: torch.Generator) -> Batch:
        """The same where inputs are tokens: a batch with ``outputs``; called where ``disturbs_embeddings``.

        Args:
            batch: Its inputs are tokens [n, places].
            network: With one embedding; as for ``disturbed``.
            generator: Likewise.
        """
        return batch

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """What is added to the loss; None for nothing."""
        return None

    def gradients(
        self, network: nn.Module, objective: Objective, generator: torch.Generator, *, float_from: str | None = None
    ) -> Value:
        """Adds the gradients of a batch to those of the network's parameters.

        Args:
            network: Its parameters are left as they are, and its running statistics as one pass leaves them.
            objective: Of any model on the batch.
            generator: For whatever is drawn anew in every batch.
            float_from: See ``TrainingData``.

        Returns:
            What is minimised.
        """
        value = objective(network)
        value.total.backward()
        return value

    def after_step(self, network: nn.Module, *, float_from: str | None = None) -> None:
        """What is done to the weights after every optimizer step.

        Args:
            network: Changed in place.
            float_from: See ``TrainingData``.
        """
