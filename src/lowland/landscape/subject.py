"""What is differentiated: the model, its trainable parameters and the rows of data, checked once for every measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError

Loss = Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]
Batches = Iterable[Batch]


@runtime_checkable
class Dequantizable(Protocol):
    """A deployed network that can give its differentiable float twin."""

    def dequantized(self) -> nn.Module:
        """Twin with float parameters (code times scale) and straight-through activation quantizers."""
        ...


def differentiable(model: nn.Module | Dequantizable) -> nn.Module:
    """The module whose parameters are differentiated: the model itself, or the dequantized twin of a deployed one.

    Raises:
        LowlandError: If a part of the model is in training mode.
    """
    if isinstance(model, Dequantizable):
        return model.dequantized().eval()
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


def checked_batches(batches: Batches, model: nn.Module) -> tuple[Batch, ...]:
    """The batches as a tuple of non-empty pairs on the model's device.

    Raises:
        LowlandError: If there is no batch, a batch is no pair, has no rows or unequal numbers of rows, or lives on
            another device than the model.
    """
    checked = tuple(batches)
    if not checked:
        raise LowlandError("batches: got none; expected at least one pair (inputs, targets)")
    device = next((p.device for p in model.parameters()), None)
    for index, batch in enumerate(checked):
        if isinstance(batch, Tensor) or len(batch) != 2:
            raise LowlandError(
                f"batches[{index}]: got {type(batch).__name__}; expected a pair (inputs, targets): put a "
                "single pair in a list"
            )
        inputs, targets = batch
        if len(inputs) == 0 or len(inputs) != len(targets):
            raise LowlandError(
                f"batches[{index}]: got {len(inputs)} inputs and {len(targets)} targets; expected equal numbers above 0"
            )
        if device is not None and inputs.device != device:
            raise LowlandError(
                f"batches[{index}]: inputs are on {inputs.device}, the model on {device}; move one of them"
            )
    return checked


def gradients(
    value: Tensor, parameters: dict[str, nn.Parameter], *, create_graph: bool = False, retain_graph: bool | None = None
) -> list[Tensor]:
    """Gradient of a scalar in every parameter; ``.grad`` is not touched.

    Raises:
        LowlandError: If a parameter does not take part in the value.
    """
    found = torch.autograd.grad(
        value, list(parameters.values()), create_graph=create_graph, retain_graph=retain_graph, allow_unused=True
    )
    missing = [name for name, gradient in zip(parameters, found, strict=True) if gradient is None]
    if missing:
        raise LowlandError(
            f"model: parameter {missing[0]!r} gets no gradient from the loss; expected every trainable parameter to "
            "take part: call requires_grad_(False) on those that do not"
        )
    return [gradient for gradient in found if gradient is not None]
