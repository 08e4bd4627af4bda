"""Layers that become tables, by the function that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from lowland.quantization.graph.functions import activation

UNARY = ("abs", "exp", "expm1", "log1p", "sqrt", "erf", "sin", "cos", "atan")
"""Functions that torch has no layers of."""


class Unary(nn.Module):
    """A function of one number as a layer.

    Args:
        name: Key of ``FUNCTIONS``.
        arguments: Of the function.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__()
        self.name, self.arguments = name, arguments

    def forward(self, values: Tensor) -> Tensor:
        """The function of every value."""
        return activation(self.name, self.arguments)(values)


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
    nn.Threshold: ("threshold", lambda layer: {"threshold": layer.threshold, "value": layer.value}),
}
"""Name of the function in ``FUNCTIONS`` and its arguments."""

TABLES = (*ACTIVATIONS, Unary)
"""Layers that become tables."""

_NONNEGATIVE: dict[type[nn.Module], Callable[[Any], bool]] = {
    **dict.fromkeys((nn.ReLU6, nn.Hardsigmoid, nn.Sigmoid, nn.Softplus), lambda layer: True),
    nn.Hardtanh: lambda layer: bool(layer.min_val >= 0),
    Unary: lambda layer: layer.name in ("abs", "exp", "sqrt") or layer.arguments.get("min", -1) >= 0,
}


def table_function(layer: nn.Module) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the function that an activation layer is.

    Args:
        layer: Of a class in ``ACTIVATIONS``, or a ``Unary``.
    """
    if isinstance(layer, Unary):
        return layer.name, dict(layer.arguments)
    name, arguments = ACTIVATIONS[_kind(layer)]
    return name, arguments(layer)


def never_negative(layer: nn.Module) -> bool:
    """Whether the results of an activation layer can never lie below 0."""
    return _NONNEGATIVE.get(_kind(layer), lambda layer: False)(layer)


def _kind(layer: nn.Module) -> type[nn.Module]:
    return next((kind for kind in type(layer).__mro__ if kind in TABLES), type(layer))
