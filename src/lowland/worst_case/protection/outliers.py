"""The largest values of every range coded apart: the guards that do it and what they cost in bits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.quantization.dynamic.outliers import outliers_of
from lowland.worst_case.guard import Guard
from lowland.worst_case.subject import PolicySubject


def outlier_guards(subject: PolicySubject, share: float) -> dict[str, Guard]:
    """Guards that code this share of what each layer reads apart from the rest.

    Args:
        subject: The network.
        share: At least 0 and below 1, rounded up to whole values of a range.

    Raises:
        LowlandError: Another share.
    """
    return {layer: Guard(outlier_share=share) for layer in subject.layers}


@torch.no_grad()
def outlier_bits(subject: PolicySubject, sample: Tensor, share: float) -> float:
    r"""Bits that outliers add to the mean width: of each its code in the layer's own width, and where it was.

    With k of the n values of a range apart they are :math:`k\,(b + \lceil\log_2 n\rceil)`; their places among the other
    codes stay, as 0.

    Args:
        subject: The network.
        sample: Inputs [rows, ...] as they are computed at once, one at least.
        share: See ``outlier_guards``.
    """
    added: dict[int, float] = {}

    def look(number: int, values: Tensor) -> int:
        size = math.prod(values.shape[-subject.points[number].range_dims(values) :])
        width = subject.own_bits[number] + math.ceil(math.log2(size))
        each = outliers_of(size, share) * width / size
        added[number] = added.get(number, 0.0) + each * values[0].numel()
        return subject.own_bits[number]

    subject(sample, look)
    return sum(added.values()) / sum(subject.elements)
