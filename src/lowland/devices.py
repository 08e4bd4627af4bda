"""Where tensors live."""

from __future__ import annotations

import torch

from lowland.errors import LowlandError


def resolve_device(name: str) -> str:
    """The device to compute on; ``auto`` takes cuda, then mps, then cpu.

    Raises:
        LowlandError: The device was asked for by name and is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, there in present.items() if there)
    if not present.get(name, False):
        raise LowlandError(f"parameter device is {name!r}, which this machine lacks; use auto or cpu")
    return name
