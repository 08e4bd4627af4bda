"""A smooth activation of the outputs counts as a part of the loss: what is left is piecewise linear and exact."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lowland.landscape.subject import Batch, Loss

ELEMENTWISE = (nn.Sigmoid, nn.Tanh, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.LogSigmoid, nn.Softsign)


def without_output_activation(module: nn.Module, loss: Loss, batches: tuple[Batch, ...]) -> tuple[nn.Module, Loss]:
    r"""A network without the smooth activation of its outputs, and the loss with it: the same function of the weights.

    With z the values before the activation :math:`\sigma`, :math:`L(\sigma(z), y)` is a loss of z whose second
    derivatives are known row by row, so that the diagonal of the Hessian is exact where z is piecewise linear. That
    nothing but changes of shape follows the activation is seen from the outputs on the first batch.

    Args:
        module: In evaluation mode; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Pairs (inputs, targets).

    Returns:
        A copy and its loss; both as they came where no such activation ends the network.
    """
    found = [name for name, part in module.named_modules() if isinstance(part, ELEMENTWISE)]
    if not found or not found[-1]:
        return module, loss
    bare = copy.deepcopy(module)
    activation = bare.get_submodule(found[-1])
    parent, _, name = found[-1].rpartition(".")
    setattr(bare.get_submodule(parent), name, nn.Identity().eval())
    rows = batches[0][0]
    with torch.no_grad():
        outputs, expected = activation(bare(rows)), module(rows)
    if not torch.equal(outputs, expected):  # something acts on what it gives, or it acts in several places
        return module, loss

    def outer(outputs: Tensor, targets: Tensor) -> Tensor:
        return loss(activation(outputs), targets)

    return bare, outer
