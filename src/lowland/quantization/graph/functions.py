"""Unary activations by name, and the tables of codes that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lowland.coding.codes import signed_width, smallest_dtype
from lowland.errors import LowlandError
from lowland.quantization.graph.step import CodeFormat

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "silu": functional.silu,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "softplus": functional.softplus,
    "mish": functional.mish,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "hardtanh": functional.hardtanh,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "hardshrink": functional.hardshrink,
    "softshrink": functional.softshrink,
    "tanhshrink": functional.tanhshrink,
    "softsign": functional.softsign,
    "logsigmoid": functional.logsigmoid,
    "threshold": functional.threshold,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "rsqrt": torch.rsqrt,
    "abs": torch.abs,
    "erf": torch.erf,
    "sin": torch.sin,
    "cos": torch.cos,
    "atan": torch.atan,
    "clamp": torch.clamp,
}
"""Functions of a tensor, element by element; arguments are those of torch (``negative_slope``, ``alpha``)."""


def activation(function: str, arguments: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    """The function of this name with its arguments.

    Raises:
        LowlandError: There is none.
    """
    if function not in FUNCTIONS:
        raise LowlandError(f"function is {function!r}; expected one of {', '.join(FUNCTIONS)}")
    return partial(FUNCTIONS[function], **arguments)


def make_table(function: str, arguments: Mapping[str, Any], inputs: CodeFormat, results: CodeFormat) -> Tensor:
    """The codes of a function of every input code: clamp(round(f(code * scale) / scale)), in the scales' float type.

    Args:
        function: A key of ``FUNCTIONS``.
        arguments: Of the function.
        inputs: The codes that come in: the table has 2^bits entries.
        results: The codes of the entries.

    Returns:
        Integers [2^bits] in the smallest type that holds all codes of the results, from the lowest input code up.

    Raises:
        LowlandError: An unknown function, or one without a value at one of the codes.
    """
    codes = torch.arange(inputs.lowest, inputs.highest + 1, device=inputs.scale.device)
    values = activation(function, arguments)(codes.to(inputs.scale.dtype) * inputs.scale)
    if not bool(values.isfinite().all()):
        where = float(codes[~values.isfinite()][0] * inputs.scale)
        raise LowlandError(f"function {function!r} has no finite value at {where:.6g}; expected other inputs")
    dtype = smallest_dtype(signed_width(torch.tensor([results.lowest, results.highest])))
    return (values / results.scale).round().clamp(results.lowest, results.highest).to(dtype)
