"""The crest factor: how far the largest number of a row lies above the others."""

from __future__ import annotations

import torch
from torch import Tensor


def crest_factor(values: Tensor) -> Tensor:
    r""":math:`\max_i |x_i| / \sqrt{\mathrm{mean}_i\, x_i^2}` of every row [rows]: 1 at least, and 0 for rows of zeros.

    Args:
        values: Floats [rows, ...].
    """
    size = values.flatten(1).double().abs()
    return size.amax(1) / size.square().mean(1).sqrt().clamp_min(torch.finfo(torch.float64).tiny)
