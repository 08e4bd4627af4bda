"""Networks in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn


@contextmanager
def evaluated(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, differentiable; each of its modules is then put back into its own mode."""
    training = [module for module in network.modules() if module.training]
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    # cuDNN has no derivatives of recurrent layers in evaluation mode; torch's own kernels do.
    kernels = torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
    network.eval()
    try:
        with kernels:
            yield
    finally:
        for module in training:
            module.training = True
