"""What networks do between their layers, as layers: the functions of the steps without tensors."""

from __future__ import annotations

from typing import Any

from torch import nn

from lowland.quantization.graph.layer_specs import LAYERS, layer_settings
from lowland.quantization.graph.plain_step import Function
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.steps import STEPS


def operator(kind: str, **arguments: Any) -> nn.Module:
    """A sum, a product, a change of shape ... as a layer.

    Args:
        kind: Of a step without tensors.
        arguments: Those of the step.
    """
    return STEPS[kind].empty(kind, (INPUTS,), **arguments).dequantized()


def kind_of(layer: nn.Module) -> str | None:
    """The kind of step that a layer without tensors becomes; ``None`` for others."""
    if isinstance(layer, Function):
        return layer.kind
    return next((kind for kind in _PASSING if isinstance(layer, LAYERS[kind][0])), None)


def arguments_of(layer: nn.Module) -> dict[str, Any]:
    """The arguments of the step that a layer without tensors becomes."""
    kind = kind_of(layer)
    assert kind is not None  # whoever calls has asked
    return dict(layer.function.keywords) if isinstance(layer, Function) else layer_settings(layer, kind)


def passing_step(name: str, inputs: tuple[str, ...], layer: nn.Module) -> Step:
    """The step that a layer without tensors becomes.

    Args:
        name: Of the step.
        inputs: Names of the steps that it takes from.
        layer: Made by ``operator``, or a pooling layer or change of shape of torch.
    """
    return STEPS[str(kind_of(layer))].empty(name, inputs, **arguments_of(layer))


def summands(step: Step) -> int:
    """How many of its operand's integers a step without tensors sums into one."""
    return int(getattr(step, "window", getattr(step, "count", 1)))


_PASSING = ("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "flatten", "unflatten")
