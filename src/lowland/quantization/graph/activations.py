"""Activation layers of torch by the function of a table that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

ACTIVATIONS: dict[type[nn.Module], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    nn.ReLU6: ("relu6", lambda layer: {}),
    nn.LeakyReLU: ("leaky_relu", lambda layer: {"negative_slope": layer.negative_slope}),
    nn.Hardtanh: ("hardtanh", lambda layer: {"min_val": layer.min_val, "max_val": layer.max_val}),
    nn.Hardsigmoid: ("hardsigmoid", lambda layer: {}),
    nn.Hardswish: ("hardswish", lambda layer: {}),
    nn.Sigmoid: ("sigmoid", lambda layer: {}),
    nn.Tanh: ("tanh", lambda layer: {}),
    nn.GELU: ("gelu", lambda layer: {"approximate": layer.approximate}),
    nn.SiLU: ("silu", lambda layer: {}),
    nn.Mish: ("mish", lambda layer: {}),
    nn.ELU: ("elu", lambda layer: {"alpha": layer.alpha}),
    nn.CELU: ("celu", lambda layer: {"alpha": layer.alpha}),
    nn.SELU: ("selu", lambda layer: {}),
    nn.Softplus: ("softplus", lambda layer: {"beta": layer.beta, "threshold": layer.threshold}),
    nn.Softsign: ("softsign", lambda layer: {}),
    nn.LogSigmoid: ("logsigmoid", lambda layer: {}),
    nn.Hardshrink: ("hardshrink", lambda layer: {"lambd": layer.lambd}),
    nn.Softshrink: ("softshrink", lambda layer: {"lambd": layer.lambd}),
    nn.Tanhshrink: ("tanhshrink", lambda layer: {}),
}
"""Name of the function in ``FUNCTIONS`` and its arguments."""

_NONNEGATIVE: dict[type[nn.Module], Callable[[Any], bool]] = {
    **dict.fromkeys((nn.ReLU6, nn.Hardsigmoid, nn.Sigmoid, nn.Softplus), lambda layer: True),
    nn.Hardtanh: lambda layer: bool(layer.min_val >= 0),
}


def table_function(layer: nn.Module) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the function that an activation layer is.

    Args:
        layer: Of a class in ``ACTIVATIONS``.
    """
    name, arguments = ACTIVATIONS[_kind(layer)]
    return name, arguments(layer)


def never_negative(layer: nn.Module) -> bool:
    """Whether the results of an activation layer can never lie below 0."""
    return _NONNEGATIVE.get(_kind(layer), lambda layer: False)(layer)


def _kind(layer: nn.Module) -> type[nn.Module]:
    return next((kind for kind in type(layer).__mro__ if kind in ACTIVATIONS), type(layer))
