"""Activations as curves: where they bend which way, so that lines above and below them can be proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, sqrt
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lowland.certification.real_network import Rounding

Bend = Literal["linear", "convex", "concave"]
_OPPOSITE: dict[Bend, Bend] = {"linear": "linear", "convex": "concave", "concave": "convex"}

SILU_INFLECTION = 2.399357280520
"""Where x tanh(x / 2) = 2: SiLU is convex between minus and plus this number, concave outside."""
SILU_LOWEST = -1.278464542761
GELU_LOWEST = -0.751791524693
"""Where SiLU and GELU are lowest; both fall before and rise behind."""
GELU_TANH_ERROR = 4.8e-4
"""GELU by tanh differs from GELU by no more (4.74e-4 at most)."""


@dataclass(frozen=True)
class Curve:
    """A function of one number that bends one way between knots.

    Attributes:
        function: Of values, element by element.
        derivative: Likewise; used only within parts that are not linear.
        knots: Where the way it bends, or the derivative, changes; in rising order.
        bends: Of each part, one more than knots.
        turning: Where it is lowest or highest besides ends and knots.
        slack: How far the function that is meant may lie from this one, in the values' unit.
    """

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    knots: tuple[float, ...]
    bends: tuple[Bend, ...]
    turning: tuple[float, ...] = ()
    slack: float = 0.0

    @property
    def negative(self) -> Curve:
        """The same curve upside down."""
        function, derivative = self.function, self.derivative
        return Curve(
            lambda x: -function(x),
            lambda x: -derivative(x),
            self.knots,
            tuple(_OPPOSITE[bend] for bend in self.bends),
            self.turning,
            self.slack,
        )


def curve_of(layer: nn.Module) -> Curve:
    """The curve of an activation or of a quantizer.

    Args:
        layer: Of a class in ``CURVES``.
    """
    return CURVES[type(layer)](layer)


def _pieces(*points: tuple[float, float], left: float = 0.0, right: float = 0.0, slack: float = 0.0) -> Curve:
    """A curve of linear pieces through points, with slopes before the first and behind the last."""
    places = [place for place, _ in points]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    changes = [after - before for before, after in zip([left, *slopes], [*slopes, right], strict=True)]

    def function(x: Tensor) -> Tensor:
        total = points[0][1] + left * (x - places[0])
        for place, change in zip(places, changes, strict=True):
            total = total + change * (x - place).clamp(min=0)
        return total

    def derivative(x: Tensor) -> Tensor:
        total = torch.full_like(x, left)
        for place, change in zip(places, changes, strict=True):
            total = total + change * (x > place)
        return total

    straight: Bend = "linear"
    return Curve(function, derivative, tuple(places), (straight,) * (len(places) + 1), slack=slack)


def _sigmoid(_: nn.Sigmoid) -> Curve:
    return Curve(torch.sigmoid, lambda x: torch.sigmoid(x) * torch.sigmoid(-x), (0.0,), ("convex", "concave"))


def _tanh(_: nn.Tanh) -> Curve:
    return Curve(torch.tanh, lambda x: 1 / torch.cosh(x) ** 2, (0.0,), ("convex", "concave"))


def _softplus(layer: nn.Softplus) -> Curve:
    beta = float(layer.beta)

    def function(x: Tensor) -> Tensor:
        return torch.logaddexp(beta * x, torch.zeros_like(x)) / beta

    # Behind its threshold torch computes the asymptote.
    slack = exp(-float(layer.threshold)) / beta
    return Curve(function, lambda x: torch.sigmoid(beta * x), (), ("convex",), slack=slack)


def _silu(_: nn.SiLU) -> Curve:
    def derivative(x: Tensor) -> Tensor:
        return torch.sigmoid(x) * (1 + x * torch.sigmoid(-x))

    knots = (-SILU_INFLECTION, SILU_INFLECTION)
    return Curve(lambda x: x * torch.sigmoid(x), derivative, knots, ("concave", "convex", "concave"), (SILU_LOWEST,))


def _gelu(layer: nn.GELU) -> Curve:
    def share(x: Tensor) -> Tensor:
        return torch.special.erfc(-x / sqrt(2)) / 2

    def derivative(x: Tensor) -> Tensor:
        return share(x) + x * torch.exp(-x * x / 2) / sqrt(2 * torch.pi)

    slack = GELU_TANH_ERROR if layer.approximate == "tanh" else 0.0
    knots = (-sqrt(2), sqrt(2))
    return Curve(lambda x: x * share(x), derivative, knots, ("concave", "convex", "concave"), (GELU_LOWEST,), slack)


def _elu(layer: nn.ELU) -> Curve:
    alpha = float(layer.alpha)

    def function(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))

    def derivative(x: Tensor) -> Tensor:
        return torch.where(x > 0, 1.0, alpha * torch.exp(x.clamp(max=0)))

    return Curve(function, derivative, (0.0,), ("convex" if alpha > 0 else "concave", "linear"))


def _clamp(layer: nn.Hardtanh) -> Curve:
    return _pieces((layer.min_val, layer.min_val), (layer.max_val, layer.max_val))


CURVES: dict[type[nn.Module], Callable[[Any], Curve]] = {
    nn.ReLU: lambda layer: _pieces((0.0, 0.0), right=1.0),
    nn.LeakyReLU: lambda layer: _pieces((0.0, 0.0), left=layer.negative_slope, right=1.0),
    nn.Hardtanh: _clamp,
    nn.ReLU6: _clamp,
    nn.Hardsigmoid: lambda layer: _pieces((-3.0, 0.0), (3.0, 1.0)),
    nn.Sigmoid: _sigmoid,
    nn.Tanh: _tanh,
    nn.Softplus: _softplus,
    nn.SiLU: _silu,
    nn.GELU: _gelu,
    nn.ELU: _elu,
    Rounding: lambda layer: _pieces(
        (layer.lowest, layer.lowest), (layer.highest, layer.highest), slack=layer.half_step
    ),
}
"""The curve of each activation that a network may have."""
