"""How the samples of a pass are divided into batches."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def normalises_batches(network: nn.Module) -> bool:
    """Whether a layer takes statistics over the batch, which one sample alone does not have."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())


def batches(order: Tensor, size: int, *, no_single: bool) -> tuple[Tensor, ...]:
    """The samples of a pass, ``size`` at a time; the last batch may be smaller.

    Args:
        order: Sample numbers [n] in the order of the pass.
        size: Samples of a batch.
        no_single: A last sample that would be alone joins the batch before it.
    """
    parts = order.split(size)
    if no_single and len(parts) > 1 and len(parts[-1]) == 1:
        return (*parts[:-2], order[(len(parts) - 2) * size :])
    return parts
