"""What is differentiated: a module in evaluation mode and its trainable parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError

Loss = Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]
Batches = Iterable[Batch]


@runtime_checkable
class Dequantizable(Protocol):
    """A deployed network that can give its differentiable float copy."""

    def dequantized(self) -> nn.Module:
        """Copy with float parameters (code times scale) and straight-through activation quantizers."""
        ...


def differentiable(model: nn.Module | Dequantizable) -> nn.Module:
    """The module whose parameters are differentiated: the model itself, or the dequantized copy of a deployed one.

    Raises:
        LowlandError: If a part of the model is in training mode.
    """
    if isinstance(model, Dequantizable):
        return model.dequantized().eval()
    model = getattr(model, "_orig_mod", model)  # torch.compile gives no second derivatives: what it was given
    for name, module in model.named_modules():
        if module.training:
            raise LowlandError(
                f"model: {name or type(model).__name__!r} is in training mode; expected the deployed model in "
                "evaluation mode: call model.eval() first"
            )
    return model


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require gradients, by name.

    Raises:
        LowlandError: If there is none.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise LowlandError(
            f"model: {type(model).__name__} has no parameter that requires gradients; expected at least one: "
            "call requires_grad_(True) on the parameters to look at"
        )
    return parameters


def gradients(
    value: Tensor, parameters: Mapping[str, Tensor], *, create_graph: bool = False, retain_graph: bool | None = None
) -> list[Tensor]:
    """Gradient of a scalar in every parameter, 0 for those that do not take part in it; ``.grad`` is not touched.

    Raises:
        LowlandError: If the value is no scalar, or no parameter takes part in it.
    """
    require_scalar(value)
    if not value.requires_grad:
        raise LowlandError(
            "loss: its value does not depend on the model's parameters through autograd; expected a differentiable "
            "loss of the outputs: call it without detach() or no_grad"
        )
    found = torch.autograd.grad(
        value,
        list(parameters.values()),
        create_graph=create_graph,
        retain_graph=retain_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return list(found)


def require_scalar(value: Tensor) -> None:
    """Refuses losses that are not reduced.

    Raises:
        LowlandError: If the value has several elements.
    """
    if value.numel() != 1:
        raise LowlandError(
            f"loss: got a value of shape {tuple(value.shape)}; expected a scalar, the mean over the rows: reduce it"
        )


def version_of(tensor: Tensor) -> int:
    """How often a tensor was changed in place; tensors of inference mode do not count."""
    return 0 if tensor.is_inference() else tensor._version
