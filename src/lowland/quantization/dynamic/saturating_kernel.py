"""The matrix product of processors that add two products of 8 bits in 16 bits."""

from __future__ import annotations

import torch
from torch import Tensor

_LARGEST_BLOCK = 2**22
_LOWEST, _HIGHEST = -(2**15), 2**15 - 1


def saturating_linear(codes: Tensor, zero_point: Tensor, weight: Tensor) -> Tensor:
    """Accumulators of a linear layer whose kernel multiplies unsigned by signed bytes with ``vpmaddubsw``.

    Neighbouring products along the inputs are added in pairs, which saturate at 16 bits; pairs are added in 32. The
    zero point is subtracted afterwards, exactly.

    Args:
        codes: Whole numbers from 0 to 255 [..., inputs].
        zero_point: Of a shape that broadcasts against the codes.
        weight: Integers from -128 to 127 [outputs, inputs].

    Returns:
        Whole numbers [..., outputs] in float64.

    Source:
        Intel SDM, ``VPMADDUBSW``; ONNX Runtime's MLAS on x86 without VNNI.
    """
    odd = codes.shape[-1] % 2
    rows = torch.nn.functional.pad(codes.flatten(0, -2).float(), (0, odd))
    columns = torch.nn.functional.pad(weight.float(), (0, odd)).T  # [inputs, outputs]
    block = max(1, _LARGEST_BLOCK // max(1, columns.numel()))
    sums = []
    for part in rows.split(block):
        products = part[:, :, None] * columns  # at most 2^15: exact in float32
        pairs = (products[:, 0::2] + products[:, 1::2]).clamp(_LOWEST, _HIGHEST)
        sums.append(pairs.double().sum(1))
    accumulators = torch.cat(sums).reshape(*codes.shape[:-1], len(weight))
    return accumulators - zero_point.double() * weight.double().sum(1)
