"""Integer words: their ranges, their widths and the types that store them."""

from __future__ import annotations

import torch
from torch import Tensor


def smallest_dtype(bits: int) -> torch.dtype:
    """The smallest signed integer type of torch with at least so many bits.

    Args:
        bits: Width in bits, 1 to 64.
    """
    for width, dtype in ((8, torch.int8), (16, torch.int16), (32, torch.int32)):
        if bits <= width:
            return dtype
    return torch.int64


def signed_width(codes: Tensor) -> int:
    """Bits of the smallest two's complement word that holds all codes, at least 1.

    Args:
        codes: Integers of any shape.
    """
    low, high = (int(bound) for bound in torch.aminmax(codes))
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0)


def code_range(bits: int, *, signed: bool) -> tuple[int, int]:
    """The lowest and highest code of a word."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
