"""Linear functions of tensors as sparse matrices, read off the functions themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from scipy.sparse import csr_array
from torch import Tensor

Vector = npt.NDArray[np.float64]
"""Numbers of one tensor of one row, flattened."""

_AT_ONCE = 512


def linear_parts(
    function: Callable[..., Tensor], shapes: Sequence[tuple[int, ...]], dtype: torch.dtype
) -> tuple[list[csr_array], Vector]:
    """The matrices and the offset of an affine function of one or several tensors: f(v) = sum_i M_i v_i + offset.

    Args:
        function: Of tensors [rows, ...], row by row.
        shapes: Of its operands for one row.
        dtype: Of what it takes; with integers the matrices are exact.

    Returns:
        A matrix an operand, in float64, and the offset.
    """
    zeros = [torch.zeros((1, *shape), dtype=dtype) for shape in shapes]
    offset = function(*zeros)
    matrices = []
    for place, shape in enumerate(shapes):
        blocks = []
        unit = torch.eye(prod(shape), dtype=dtype)
        for block in unit.split(_AT_ONCE):
            operands = [zero.expand(len(block), *zero.shape[1:]) for zero in zeros]
            operands[place] = block.reshape(len(block), *shape)
            columns = (function(*operands) - offset).flatten(1)
            blocks.append(csr_array(columns.to(torch.float64).numpy()))
        matrices.append(csr_array(sparse.vstack(blocks).T))
    return matrices, offset.flatten().to(torch.float64).numpy()


def sparse_row(factors: dict[int, float], size: int) -> csr_array:
    """A matrix of one row [1, size] from its factors by place."""
    places = list(factors)
    return csr_array((list(factors.values()), ([0] * len(places), places)), shape=(1, size))
