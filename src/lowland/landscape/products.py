"""Products of the Hessian with vectors, without ever forming it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.landscape.subject import (
    Batches,
    Dequantizable,
    Loss,
    checked_batches,
    differentiable,
    gradients,
    trainable,
)


class HessianProducts:
    """The Hessian of the mean loss in all trainable parameters, as a linear map.

    With a single batch the graph of the gradient is built once and shared by all products, which is several times
    faster and keeps the activations of that batch; with several batches each product goes through them one after the
    other.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Pairs (inputs, targets).

    Attributes:
        size: Number of trainable parameters.
        num_rows: Rows in all batches.
        like: An empty tensor of the parameters' type and device.

    Raises:
        LowlandError: For unusable batches or models.
    """

    def __init__(self, model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> None:
        self._model = differentiable(model)
        self._loss = loss
        self._batches = checked_batches(batches, self._model)
        self._parameters = trainable(self._model)
        self._shared = self._slope(*self._batches[0]) if len(self._batches) == 1 else None
        self.size = sum(p.numel() for p in self._parameters.values())
        self.num_rows = sum(len(inputs) for inputs, _ in self._batches)
        self.like = next(iter(self._parameters.values())).detach().new_empty(0)

    def __call__(self, vector: Tensor) -> Tensor:
        """The product H v.

        Args:
            vector: [size], laid out as the parameters in their order.
        """
        if self._shared is not None:
            return self._product(self._shared, vector)
        total = torch.zeros_like(vector)
        for inputs, targets in self._batches:
            total += self._product(self._slope(inputs, targets), vector) * (len(inputs) / self.num_rows)
        return total

    def _slope(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Gradient [size] of one batch's mean loss, differentiable once more."""
        value = self._loss(self._model(inputs), targets)
        found = gradients(value, self._parameters, create_graph=True)
        return torch.cat([g.flatten() for g in found])

    def _product(self, slope: Tensor, vector: Tensor) -> Tensor:
        if not slope.requires_grad:  # the loss is linear in every parameter
            return torch.zeros_like(vector)
        found = torch.autograd.grad(
            slope,
            list(self._parameters.values()),
            vector,
            retain_graph=slope is self._shared,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([part.flatten() for part in found])
