"""Per-sample gradients of layers, from what went into each and the cotangent at its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional

from lowland.coding.patches import patches_of, spread_out

PER_SAMPLE_ELEMENTS = 2**18  # per-sample gradients of so many elements are held at once, so that they stay in the cache


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer whose per-sample gradients have a formula (a key of ``MATRICES`` or ``CHANNELS``).

    Attributes:
        name: The layer's name in the model; empty for the model itself.
        module: The layer.
        input: [rows, ...] what it was called with.
        output: Where its output is in the autograd graph: the node, not the tensor, which an in-place activation behind
            the layer may overwrite.
        shape: Shape of the output, rows first.
    """

    name: str
    module: Any
    input: Tensor
    output: GradientEdge
    shape: torch.Size

    @cached_property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Trainable parameters of the layer by their names in the model."""
        own = self.module.named_parameters(self.name, recurse=False)
        return {name: p for name, p in own if p.requires_grad and _kind(name) in ("weight", "bias")}

    def gradients(self, cotangents: Tensor) -> Iterator[tuple[slice, dict[str, Tensor]]]:
        """Per-sample gradients, a block of rows at a time.

        Args:
            cotangents: [rows, directions, ...] at the output.

        Yields:
            Which rows, and their gradients [rows, directions, *parameter shape] by name in the model.
        """
        size = cotangents.shape[1] * max(p.numel() for p in self.parameters.values())
        for part in _row_blocks(len(cotangents), size):
            yield part, self._gradients(part, cotangents[part])

    def squares(self, weights: Tensor, cotangents: Tensor) -> dict[str, Tensor]:
        r"""Weighted sums of squares, :math:`\sum_{r,k} \lambda_{rk} (\partial z_{rk} / \partial \theta_i)^2`.

        Args:
            weights: [rows, directions].
            cotangents: [rows, directions, ...] at the output.

        Returns:
            [*parameter shape] by name in the model.
        """
        if self._is_plain_linear:  # outer products: squared cotangents and squared inputs meet only in the sum
            term = (cotangents.square() * weights[..., None]).sum(1)
            by_kind = {"weight": lambda: term.T @ self.input.square(), "bias": lambda: term.sum(0)}
            return {name: by_kind[_kind(name)]() for name in self.parameters}
        totals: dict[str, Tensor] = {}
        for part, gradients in self.gradients(cotangents):
            flat_weights = weights[part].flatten()
            for name, found in gradients.items():
                total = (flat_weights @ found.square_().flatten(0, 1).flatten(1)).reshape(found.shape[2:])
                totals[name] = totals[name].add_(total) if name in totals else total
        return totals

    def combined(self, weights: Tensor, cotangents: Tensor) -> dict[str, Tensor]:
        """Sums of the rows' gradients with a weight for each.

        Args:
            weights: [rows].
            cotangents: [rows, 1, ...] at the output.

        Returns:
            [*parameter shape] by name in the model.
        """
        if self._is_plain_linear:
            term = cotangents[:, 0] * weights[:, None]
            by_kind = {"weight": lambda: term.T @ self.input, "bias": lambda: term.sum(0)}
            return {name: by_kind[_kind(name)]() for name in self.parameters}
        totals: dict[str, Tensor] = {}
        for part, gradients in self.gradients(cotangents):
            for name, found in gradients.items():
                total = torch.tensordot(weights[part], found[:, 0], dims=1)
                totals[name] = totals[name] + total if name in totals else total
        return totals

    def square_norms(self, cotangent: Tensor, metric: dict[str, Tensor] | None = None) -> Tensor:
        r"""Each row's squared gradient norm over the layer, :math:`\sum_i w_i (\partial z_r / \partial \theta_i)^2`.

        Args:
            cotangent: [rows, ...] at the output.
            metric: Weights w by name in the model, of the parameters' shapes, 0 for those left out; all 1 without it.

        Returns:
            [rows].
        """
        total = cotangent.new_zeros(len(cotangent))
        if self._is_plain_linear:
            outer, inner = cotangent.square(), self.input.square()
            for name in self.parameters if metric is None else self.parameters.keys() & metric.keys():
                if _kind(name) == "bias":
                    total += outer.sum(1) if metric is None else outer @ metric[name].to(outer)
                elif metric is None:
                    total += outer.sum(1) * inner.sum(1)
                else:
                    total += ((outer @ metric[name].to(outer)) * inner).sum(1)
            return total
        for part, gradients in self.gradients(cotangent[:, None]):
            for name in gradients if metric is None else gradients.keys() & metric.keys():
                squares = gradients[name].square_().flatten(1)
                total[part] += squares.sum(1) if metric is None else squares @ metric[name].to(squares).flatten()
        return total

    @property
    def looked_at(self) -> int:
        """Elements of the inputs as the layer's formula multiplies them: at every place all that the place sees."""
        weight = self.module.weight
        return 0 if weight.ndim < 3 else self.shape.numel() // self.shape[1] * weight[0].numel()

    @cached_property
    def _is_plain_linear(self) -> bool:
        return type(self.module) is nn.Linear and self.input.ndim == 2

    def _gradients(self, rows: slice, cotangents: Tensor) -> dict[str, Tensor]:
        """Per-sample gradients of some rows, given their cotangents."""
        kind, table = type(self.module), {}
        channels_first = cotangents if kind is not nn.Linear else cotangents.movedim(-1, 2)
        delta = channels_first.flatten(3) if channels_first.ndim > 3 else channels_first[..., None]
        if kind in CHANNELS:
            weight = (delta * self._channel_slope[rows, None]).sum(3)
            table["weight"] = lambda: weight if self.module.weight.numel() > 1 else weight.sum(2, keepdim=True)
        else:
            table["weight"] = lambda: _matrix_gradients(self.module, delta, self._design[rows])
        table["bias"] = lambda: delta.sum(3)
        return {name: table[_kind(name)]() for name in self.parameters}

    @cached_property
    def _design(self) -> Tensor:
        return MATRICES[type(self.module)](self.module, self.input, self.shape)

    @cached_property
    def _channel_slope(self) -> Tensor:
        slope = CHANNELS[type(self.module)](self.module, self.input)
        return slope.flatten(2) if slope.ndim > 2 else slope[..., None]


def _row_blocks(rows: int, elements_per_row: int) -> Iterator[slice]:
    """Slices of the rows so that each holds ``PER_SAMPLE_ELEMENTS`` elements, one row at least."""
    size = max(1, PER_SAMPLE_ELEMENTS // max(1, elements_per_row))
    return (slice(start, start + size) for start in range(0, rows, size))


@contextmanager
def recorded_calls(model: nn.Module) -> Iterator[list[LayerCall]]:
    """Records every call of a layer that has a formula and trainable parameters; the hooks are gone afterwards."""
    calls: list[LayerCall] = []

    def recorder(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def record(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            fits = inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)
            if fits and inputs[0].ndim in DIMENSIONS.get(type(module), (inputs[0].ndim,)):
                calls.append(LayerCall(name, module, inputs[0].detach(), get_gradient_edge(output), output.shape))

        return record

    handles = [
        module.register_forward_hook(recorder(name))
        for name, module in model.named_modules()
        if type(module) in (*MATRICES, *CHANNELS) and any(p.requires_grad for p in module.parameters(recurse=False))
        if getattr(module, "track_running_stats", True)  # else the rows are not independent
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _kind(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _matrix_gradients(module: Any, delta: Tensor, design: Tensor) -> Tensor:
    """Gradients [rows, directions, *weight shape] from cotangents [rows, directions, outputs, places].

    The layer is a product at every place: output = weight [groups, outputs, columns] times design [rows, groups,
    columns, places]. All directions of a row make one product of matrices.
    """
    rows, groups, columns, places = design.shape
    directions, outputs = delta.shape[1], delta.shape[2] // groups
    by_group = delta.reshape(rows, directions, groups, outputs, places).transpose(1, 2)
    found = by_group.reshape(rows * groups, directions * outputs, places) @ design.flatten(0, 1).mT
    found = found.reshape(rows, groups, directions, outputs, columns).transpose(1, 2)
    if isinstance(module, nn.modules.conv._ConvTransposeNd):  # stored as inputs x outputs
        inputs = module.in_channels // groups
        found = found.unflatten(4, (inputs, columns // inputs)).transpose(3, 4)
    return found.reshape(rows, directions, *module.weight.shape)


def _linear_design(module: nn.Linear, inputs: Tensor, shape: torch.Size) -> Tensor:
    """[rows, 1, features, places]: every dimension between the first and the last is a place."""
    return inputs.reshape(len(inputs), -1, module.in_features).mT[:, None]


def _convolution_design(module: Any, inputs: Tensor, shape: torch.Size) -> Tensor:
    """[rows, groups, columns, places]: what each place of the output sees."""
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = functional.pad(inputs, module._reversed_padding_repeated_twice, mode=mode)
    columns = patches_of(padded, module.kernel_size, stride=module.stride, dilation=module.dilation)
    return columns.unflatten(1, (module.groups, -1))


def _transposed_design(module: Any, inputs: Tensor, shape: torch.Size) -> Tensor:
    """The same for a transposed convolution: a convolution over spread inputs with the kernel reversed."""
    spread = spread_out(inputs, module.stride)
    pads: list[int] = []
    settings = zip(module.kernel_size, module.dilation, module.padding, spread.shape[2:], shape[2:], strict=True)
    for kernel, dilation, padding, size, wanted in reversed(list(settings)):
        reach = dilation * (kernel - 1)
        pads += [reach - padding, wanted + padding - size]
    steps = (1,) * len(shape[2:])
    columns = patches_of(functional.pad(spread, pads), module.kernel_size, stride=steps, dilation=module.dilation)
    kernel_axes = tuple(range(2, 2 + len(module.kernel_size)))
    columns = columns.unflatten(1, (module.in_channels, *module.kernel_size)).flip(kernel_axes)
    return columns.flatten(1, -2).unflatten(1, (module.groups, -1))


def _normalised(module: Any, inputs: Tensor) -> Tensor:
    """What a batch-norm layer in evaluation mode multiplies by its weight."""
    shape = (-1, *[1] * (inputs.ndim - 2))
    deviation = (module.running_var + module.eps).sqrt()
    return (inputs - module.running_mean.reshape(shape)) / deviation.reshape(shape)


def _negative(module: nn.PReLU, inputs: Tensor) -> Tensor:
    """What a PReLU multiplies by its weight."""
    return inputs.clamp(max=0)


MATRICES: dict[type[nn.Module], Callable[[Any, Tensor, torch.Size], Tensor]] = {
    nn.Linear: _linear_design,
    nn.Conv1d: _convolution_design,
    nn.Conv2d: _convolution_design,
    nn.ConvTranspose1d: _transposed_design,
    nn.ConvTranspose2d: _transposed_design,
}
CHANNELS: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.BatchNorm1d: _normalised,
    nn.BatchNorm2d: _normalised,
    nn.PReLU: _negative,
}
DIMENSIONS: dict[type[nn.Module], tuple[int, ...]] = {  # of inputs with rows; torch takes a single row without, too
    nn.Conv1d: (3,),
    nn.Conv2d: (4,),
    nn.ConvTranspose1d: (3,),
    nn.ConvTranspose2d: (4,),
}
