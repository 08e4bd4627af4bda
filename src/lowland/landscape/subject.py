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


def checked_batches(batches: Batches, model: nn.Module, *, differentiable_inputs: bool = False) -> tuple[Batch, ...]:
    """The batches as a tuple of non-empty pairs on the model's device.

    Args:
        batches: Pairs (inputs, targets), rows first.
        model: Whose parameters and buffers say where the data must be.
        differentiable_inputs: Whether derivatives in the inputs are wanted, so that they must be floating point.

    Raises:
        LowlandError: If there is no batch, a batch is no pair of tensors, has no rows or unequal numbers of rows, lives
            on another device than the model, or the model lives on several.
    """
    checked = tuple(batches)
    if not checked:
        raise LowlandError("batches: got none; expected at least one pair (inputs, targets)")
    device = _device(model)
    for index, batch in enumerate(checked):
        if isinstance(batch, Tensor) or len(batch) != 2:
            raise LowlandError(
                f"batches[{index}]: got {type(batch).__name__}; expected a pair (inputs, targets): put a "
                "single pair in a list"
            )
        for name, values in zip(("inputs", "targets"), batch, strict=True):
            if not isinstance(values, Tensor):
                raise LowlandError(
                    f"batches[{index}]: {name} are a {type(values).__name__}; expected a tensor, rows first: use "
                    "torch.as_tensor"
                )
            if device is not None and values.device != device:
                raise LowlandError(
                    f"batches[{index}]: {name} are on {values.device}, the model on {device}; expected one device: "
                    "move one of them with .to(device)"
                )
        inputs, targets = batch
        if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) == 0 or len(inputs) != len(targets):
            rows = [len(values) if values.ndim else "no" for values in batch]
            raise LowlandError(
                f"batches[{index}]: got {rows[0]} inputs and {rows[1]} targets; expected equal numbers above 0"
            )
        if differentiable_inputs and not inputs.is_floating_point():
            raise LowlandError(
                f"batches[{index}]: inputs are {inputs.dtype}; expected floating point, or there is no derivative in "
                "them: give the first differentiable layer's inputs (embeddings for tokens)"
            )
    return checked


def _device(model: nn.Module) -> torch.device | None:
    """Where all parameters and buffers are.

    Raises:
        LowlandError: If they are in several places.
    """
    first: tuple[str, torch.device] | None = None
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        first = first or (name, tensor.device)
        if tensor.device != first[1]:
            raise LowlandError(
                f"model: {first[0]!r} is on {first[1]}, {name!r} on {tensor.device}; expected one device: move the "
                "model with .to(device)"
            )
    return first[1] if first else None


def gradients(
    value: Tensor, parameters: dict[str, nn.Parameter], *, create_graph: bool = False, retain_graph: bool | None = None
) -> list[Tensor]:
    """Gradient of a scalar in every parameter; ``.grad`` is not touched.

    Raises:
        LowlandError: If the value is no scalar or a parameter does not take part in it.
    """
    require_scalar(value)
    if not value.requires_grad:
        raise LowlandError(
            "loss: its value does not depend on the model's parameters through autograd; expected a differentiable "
            "loss of the outputs: call it without detach() or no_grad"
        )
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


def require_scalar(value: Tensor) -> None:
    """Refuses losses that are not reduced.

    Raises:
        LowlandError: If the value has several elements.
    """
    if value.numel() != 1:
        raise LowlandError(
            f"loss: got a value of shape {tuple(value.shape)}; expected a scalar, the mean over the rows: reduce it"
        )
