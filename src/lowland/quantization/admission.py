"""Which numbers can be quantized: finite ones of single precision."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError


def check_numbers(network: nn.Module) -> None:
    """Refuse parameters and statistics that no code can stand for.

    Args:
        network: Any module.

    Raises:
        LowlandError: One that is NaN or infinite, or of another precision than float32.
    """
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        if not tensor.is_floating_point():
            continue
        if tensor.dtype != torch.float32:
            raise LowlandError(
                f"{name} of the network is {tensor.dtype}; expected torch.float32, from which codes are made: call "
                "network.float() first"
            )
        if bad := int((~tensor.isfinite()).sum()):
            raise LowlandError(
                f"{name} of the network holds {bad} NaN or infinite values among {tensor.numel()}; expected finite "
                "ones: take weights from before training diverged"
            )


def check_samples(inputs: Tensor, *, tokens: bool = False) -> None:
    """Refuse samples that no scale can come from.

    Args:
        inputs: [samples, ...].
        tokens: Whether they are whole numbers that choose rows of weights, of any type.

    Raises:
        LowlandError: None at all, values that are NaN or infinite, or another type than float32.
    """
    if len(inputs) == 0:
        raise LowlandError("calibration inputs have 0 samples; expected at least 1")
    if tokens:
        if inputs.is_floating_point() and not bool((inputs == inputs.round()).all()):
            raise LowlandError("calibration inputs hold fractions or NaN; expected tokens, which are whole numbers")
        return
    if inputs.dtype != torch.float32:
        raise LowlandError(f"calibration inputs are {inputs.dtype}; expected torch.float32: call inputs.float() first")
    if not inputs.isfinite().all():
        raise LowlandError(
            "calibration inputs hold NaN or infinite values; expected finite samples: clean the data first"
        )
