"""The recipe ``sam``: sharpness-aware minimisation, the gradient from the steepest nearby point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from lowland.quantization.fake_quantized.network import QuantizedNetwork, Stored
from lowland.training.at_parameters import at_parameters
from lowland.training.recipe_base import Model, Objective, RecipeBase, Value, Weight

ADAPTIVE_OFFSET = 0.01
"""What is added to |weight| in the adaptive metric, so that weights at zero can move (Kwon et al. 2021, section 5)."""


class Sam(RecipeBase):
    """Minimises the loss at the worst point of a ball around the weights, to first order.

    max over ‖ε‖₂ ≤ rho of L(w + ε), the gradient being that of L at w + ε(w) with ε held fixed. In quantization-aware
    training ε is added to the quantized weights and biases: before the rounding, most of it would be rounded away.

    Attributes:
        rho: Radius of the ball, over all weights, biases and batch-norm parameters together.
        adaptive: Whether distances are in units of |weight|, which makes the ball the same however layers are scaled.

    Source:
        Foret et al. 2021, arXiv 2010.01412; adaptive: Kwon et al. 2021, arXiv 2102.11600; quantized weights:
        Liu et al. 2021, arXiv 2111.12273.
    """

    kind: Literal["sam"]
    rho: Weight
    adaptive: bool = False

    def gradients(
        self, network: nn.Module, objective: Objective, generator: torch.Generator, *, float_from: str | None = None
    ) -> Value:
        """The gradients at the worst point nearby, from two passes over the same batch."""
        parameters = movable(network)
        slopes = torch.autograd.grad(objective(network).total, list(parameters.values()), materialize_grads=True)
        changes = ascent(parameters, dict(zip(parameters, slopes, strict=True)), rho=self.rho, adaptive=self.adaptive)
        value = objective(displaced(network, changes))
        value.total.backward()
        return value


def movable(network: nn.Module) -> dict[str, nn.Parameter]:
    """The trained parameters by name, without the learned scales of quantizers: those are no weights."""
    scales = {id(network.threshold(name)) for name in network.bits} if isinstance(network, QuantizedNetwork) else ()
    return {name: p for name, p in network.named_parameters() if p.requires_grad and id(p) not in scales}


@torch.no_grad()
def ascent(
    parameters: Mapping[str, Tensor], slopes: Mapping[str, Tensor], *, rho: float, adaptive: bool
) -> dict[str, Tensor]:
    """The change that raises the loss most, to first order: ε = rho·T²g / ‖Tg‖₂.

    T is 1, or with ``adaptive`` |w| + 0.01 for weights (two dimensions or more) and 1 for the others.

    Args:
        parameters: w by name.
        slopes: g, their gradients.
        rho: Radius.
        adaptive: Whether T depends on the weights.

    Returns:
        ε by name; zero where the gradient is zero.
    """
    metric = {
        name: values.abs() + ADAPTIVE_OFFSET if adaptive and values.ndim > 1 else torch.ones_like(values)
        for name, values in parameters.items()
    }
    lengths = [(metric[name] * slope).norm() for name, slope in slopes.items()]
    length = torch.stack(lengths).norm()
    step = rho / length.where(length > 0, 1.0)
    return {name: step * metric[name].square() * slope for name, slope in slopes.items()}


def displaced(network: nn.Module, changes: Mapping[str, Tensor]) -> Model:
    """The network with changes added to its parameters, of quantized ones to what they are rounded to.

    Args:
        network: Left as it came.
        changes: By the names of ``named_parameters``.
    """
    names = network.stored if isinstance(network, QuantizedNetwork) else ()
    coded = {f"layers.{name}" for name in names}
    others = {name: p + changes[name] for name, p in network.named_parameters() if name in changes.keys() - coded}
    if not coded:
        return at_parameters(network, others)

    def read(tensor: Stored) -> Tensor:
        change = changes.get(f"layers.{tensor.name}")  # frozen ones have none
        return tensor.values if change is None else tensor.values + change

    return at_parameters(network, others, read=read)
