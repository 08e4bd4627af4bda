"""Weighted sums of squared per-sample gradients, layer by layer, without the gradients' own cost where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from lowland.errors import LowlandError

PER_SAMPLE_ELEMENTS = 2**24  # gradients of so many elements (64 MiB in float32) are held at once


@dataclass
class LayerCall:
    """One call of a layer that owns parameters.

    Attributes:
        name: The layer's name in the model; empty for the model itself.
        module: The layer.
        inputs: What it was called with; rows first.
        output: What it gave; part of the autograd graph.
    """

    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...]
    output: Tensor

    def parameters(self) -> dict[str, nn.Parameter]:
        """Trainable parameters that the layer itself owns."""
        return {name: p for name, p in self.module.named_parameters(recurse=False) if p.requires_grad}

    def full_name(self, parameter: str) -> str:
        """The parameter's name in the model."""
        return f"{self.name}.{parameter}" if self.name else parameter


@contextmanager
def recorded_calls(model: nn.Module) -> Iterator[list[LayerCall]]:
    """Records every call of a layer that owns trainable parameters; the hooks are gone afterwards.

    Raises:
        LowlandError: From the model's forward, if such a layer is called twice or with something else than tensors.
    """
    calls: list[LayerCall] = []

    def recorder(name: str) -> Callable[[nn.Module, tuple[object, ...], object], Tensor]:
        def record(module: nn.Module, inputs: tuple[object, ...], output: object) -> Tensor:
            tensors = tuple(i for i in inputs if isinstance(i, Tensor))
            if not isinstance(output, Tensor) or not tensors or len(tensors) < len(inputs):
                raise LowlandError(
                    f"model: layer {name!r} ({type(module).__name__}) takes or gives something else than tensors; its "
                    "per-sample gradients are not available: use method='hutchinson'"
                )
            if any(call.module is module for call in calls):
                raise LowlandError(
                    f"model: layer {name!r} ({type(module).__name__}) is called twice in one pass, so the diagonal of "
                    "the Hessian is not that of the Gauss-Newton matrix: use method='hutchinson'"
                )
            calls.append(LayerCall(name, module, tuple(t.detach() for t in tensors), output))
            return output.clone()  # an in-place activation behind the layer must not overwrite what is recorded

        return record

    handles = [
        module.register_forward_hook(recorder(name))
        for name, module in model.named_modules()
        if any(p.requires_grad for p in module.parameters(recurse=False))
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class SquaredGradients:
    r"""Weighted sums of squared gradients for the parameters of one layer.

    :math:`\sum_k \sum_r \lambda_{kr} (\partial z_{kr} / \partial \theta_i)^2`. For a linear layer
    the gradient of one row is the outer product of cotangent and input, so the sum over k needs the cotangents alone:
    :math:`\sum_r (\sum_k \lambda_{kr} \delta_{kri}^2) a_{rj}^2`. Others form per-sample gradients.
    """

    call: LayerCall
    _cotangents: Tensor | None = None
    _sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, weights: Tensor, cotangent: Tensor) -> None:
        """Adds one k: its weights lambda [rows] and cotangents at the layer's output [rows, ...]."""
        if self._is_plain_linear():
            term = cotangent.square().mul_(weights[:, None])
            self._cotangents = term if self._cotangents is None else self._cotangents.add_(term)
            return
        for name, total in _weighted_squares(self.call, weights, cotangent).items():
            self._sums[name] = self._sums[name] + total if name in self._sums else total

    def result(self) -> dict[str, Tensor]:
        """The sums by the parameters' names in the model, each of its parameter's shape."""
        if self._cotangents is not None:
            full = {"weight": lambda d: d.T @ self.call.inputs[0].square(), "bias": lambda d: d.sum(0)}
            self._sums = {name: full[name](self._cotangents) for name in self.call.parameters()}
        return {
            self.call.full_name(name): self._sums.get(name, torch.zeros_like(p, requires_grad=False))
            for name, p in self.call.parameters().items()
        }

    def _is_plain_linear(self) -> bool:
        """A torch linear layer on one vector a row (subclasses may do more than multiply)."""
        return type(self.call.module) is nn.Linear and self.call.inputs[0].ndim == 2


def _weighted_squares(call: LayerCall, weights: Tensor, cotangent: Tensor) -> dict[str, Tensor]:
    """Sum over rows of weight times squared per-sample gradient, for any layer."""
    parameters = {name: p.detach() for name, p in call.parameters().items()}
    buffers = dict(call.module.named_buffers())

    def gradient(row_cotangent: Tensor, *row: Tensor) -> dict[str, Tensor]:
        def forward(values: dict[str, Tensor]) -> Tensor:
            output: Tensor = functional_call(call.module, {**buffers, **values}, tuple(part[None] for part in row))
            return output[0]

        result: dict[str, Tensor] = vjp(forward, parameters)[1](row_cotangent)[0]
        return result

    totals: dict[str, Tensor] = {}
    rows = max(1, PER_SAMPLE_ELEMENTS // max(1, sum(p.numel() for p in parameters.values())))
    for start in range(0, len(weights), rows):
        part = slice(start, start + rows)
        with torch.no_grad():  # the layer may hold others, whose parameters want gradients
            found = vmap(gradient)(cotangent[part], *(i[part] for i in call.inputs))
        for name, gradients in found.items():
            total = torch.tensordot(weights[part], gradients.square(), dims=1)
            totals[name] = totals[name] + total if name in totals else total
    return totals
