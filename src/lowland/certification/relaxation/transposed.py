"""Linear functions, transposed: what coefficients of their results are as coefficients of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def transposed(function: Callable[..., Tensor], coefficients: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Coefficients times the matrix of a linear (or affine) function, by its vector-Jacobian product.

    Args:
        function: Of tensors [rows, ...], row by row.
        coefficients: [rows, objectives, ...] of its results.
        shapes: Of its arguments for one row.

    Returns:
        [rows, objectives, ...] for each argument.
    """
    flat = coefficients.flatten(0, 1)
    with torch.enable_grad():
        arguments = [flat.new_zeros(len(flat), *shape, requires_grad=True) for shape in shapes]
        results = function(*arguments)
        differentiated = flat.requires_grad
        gradients = torch.autograd.grad(results, arguments, flat.expand_as(results), create_graph=differentiated)
    return [gradient.unflatten(0, coefficients.shape[:2]) for gradient in gradients]
