"""A smooth activation at the end of a network, counted to the loss."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lowland.landscape.subject import Batch, Loss

ELEMENTWISE = (nn.Sigmoid, nn.Tanh, nn.Softplus)
SHAPES = (nn.Flatten, nn.Unflatten, nn.Identity)
ROWS = 16


def activation_into_loss(model: nn.Module, loss: Loss, batches: tuple[Batch, ...]) -> tuple[nn.Module, Loss]:
    r"""The network without a smooth activation at its end, and the loss with it.

    .. math:: L(\sigma(z), y) = L'(z, y)

    The same function of the weights, so all derivatives of the loss stay as they are. But a network that is piecewise
    linear up to there has an exact Hessian diagonal in this form, however its last activation bends. Any other network
    comes back with its loss; what is compared on the first rows decides, not the order of modules alone.

    Args:
        model: Any module in evaluation mode; left as it came.
        loss: ``loss(outputs, targets)``.
        batches: (inputs, targets), at least one.
    """
    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    ends = [(name, module) for name, module in leaves if not isinstance(module, SHAPES)]
    if not ends or not isinstance(ends[-1][1], ELEMENTWISE) or not ends[-1][0]:
        return model, loss
    name, activation = ends[-1]
    linear = copy.deepcopy(model)
    owner, _, attribute = name.rpartition(".")
    setattr(linear.get_submodule(owner), attribute, nn.Identity().eval())
    rows = batches[0][0][:ROWS]
    with torch.no_grad():
        if not torch.equal(activation(linear(rows)), model(rows)):
            return model, loss

    def through(outputs: Tensor, targets: Tensor) -> Tensor:
        return loss(activation(outputs), targets)

    return linear, through
