"""A float network as operations on real numbers: what weight boxes, bounds and programmes are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lowland.errors import LowlandError
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.operators import kind_of
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.trace import traced
from lowland.quantization.graph.traced_network import Schedule

Kind = Literal["weighted", "activation", "linear", "maximum", "rounding"]
"""``weighted``: weights times values plus biases, which a weight box changes. ``activation``: a function of one number.
``linear``: sums, means, changes of shape: linear in its inputs, without parameters. ``maximum``: max-pooling.
``rounding``: clamps to a range and moves by at most half a step, a quantizer of activations (``Rounding``)."""

PIECEWISE = (nn.ReLU, nn.LeakyReLU, nn.Hardtanh, nn.ReLU6)
"""Activations of linear pieces: exact programmes know these."""
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, Affine)
_MAXIMUM = (nn.MaxPool1d, nn.MaxPool2d)
_SMOOTH = (nn.Sigmoid, nn.Tanh, nn.Softplus, nn.SiLU, nn.GELU, nn.ELU, nn.Hardsigmoid)
_LINEAR = ("add", "concat", "rescale", "mean", "reshape", "permute", "slice", "pad", "upsample")
_PASSING = (nn.Flatten, nn.Unflatten, nn.AvgPool1d, nn.AvgPool2d)


class Rounding(nn.Module):
    """A quantizer of activations as what it can do at most: clamp to its range, then move by half a step.

    Args:
        half_step: Half its step size, above 0.
        lowest: The lower end of its range, in the values' unit.
        highest: The upper end.
    """

    def __init__(self, half_step: float, lowest: float, highest: float) -> None:
        super().__init__()
        if not (half_step > 0 and lowest < highest):
            raise ValueError(
                f"half_step is {half_step} and the range {lowest} to {highest}; expected a step above 0 and a range"
            )
        self.half_step, self.lowest, self.highest = half_step, lowest, highest

    def forward(self, values: Tensor) -> Tensor:
        """The clamped values: the quantizer without its movement."""
        return values.clamp(self.lowest, self.highest)


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a network.

    Attributes:
        name: Unique; of layers their path with underscores for dots.
        inputs: Names of the operations whose results it takes, ``inputs`` for the network's own input.
        kind: What rules go by.
        layer: What it computes, in float64 and evaluation mode; without gradients.
        shape: Of its result for one row.
        acts_once: Of a weighted operation whether each of its weights and biases acts in one number of a row's results,
            as in dense layers that are called once: only there an interval encoding is exact.
        owner: Of a layer that is called on several values the operation that it was called for first, whose parameters
            these are; empty for all others.
    """

    name: str
    inputs: tuple[str, ...]
    kind: Kind
    layer: nn.Module
    shape: tuple[int, ...]
    acts_once: bool
    owner: str = ""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Weights and biases by ``weight`` and ``bias``; empty where there are none."""
        return {name: tensor.detach() for name, tensor in self.layer.named_parameters()}


class RealNetwork:
    """A network's outputs up to its last operation, in real arithmetic (float64 stands for it).

    Batch-norm is folded into the layers before it: weights are those that get quantized.

    Args:
        operations: In an order in which they can be computed; the last one gives the outputs.
    """

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self.operations = dict(operations)
        self._schedule = Schedule({operation.name: operation.inputs for operation in operations.values()})

    @classmethod
    def of(cls, model: nn.Module | RealNetwork, example: Tensor) -> RealNetwork:
        """The operations of a module.

        Args:
            model: Left as it came; traced as for quantization.
            example: Inputs [rows, ...] that tell shapes.

        Raises:
            LowlandError: Weights that are not finite, or operations without bounds (all of them are named).
        """
        if isinstance(model, RealNetwork):
            return model
        graph = traced(model, example=example[:3])
        kinds = {node.name: _kind(node.layer) for node in graph.nodes.values()}
        unknown = [graph.nodes[name].place for name, kind in kinds.items() if kind is None]
        if graph.island is not None:
            unknown.append(graph.island[0])
        if unknown:
            raise LowlandError(
                f"the network has {len(unknown)} operation{'s' * (len(unknown) > 1)} that certification cannot enclose"
                f": {', '.join(unknown)}; expected dense and convolutional layers, activations, pooling, sums, "
                "concatenation and changes of shape"
            )
        calls: dict[int, list[str]] = {}
        for node in graph.nodes.values():
            calls.setdefault(id(node.layer), []).append(node.name)
        operations: dict[str, Operation] = {}
        values = {INPUTS: example[:1].to(torch.float64)}
        for node in graph.nodes.values():
            layer = node.layer.to(torch.float64).eval().requires_grad_(False)
            operands = [values[source] for source in node.inputs]
            values[node.name] = result = layer(*operands)
            kind = kinds[node.name]
            assert kind is not None  # refused above
            first, *others = calls[id(node.layer)]
            operations[node.name] = Operation(
                node.name,
                node.inputs,
                kind,
                layer,
                tuple(result.shape[1:]),
                _acts_once(layer, result) and (not others or kind != "weighted"),
                first if kind == "weighted" and node.name != first else "",
            )
        return cls(operations)

    def __call__(self, inputs: Tensor, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """Outputs [rows, ...] in float64.

        Args:
            inputs: [rows, ...].
            parameters: Other values of some weights and biases, by ``<operation>.weight`` or ``<operation>.bias``; of a
                layer that is called on several values by the first of its operations.
        """
        changed: dict[str, dict[str, Tensor]] = {}
        given = dict(parameters or {})
        given |= {name: given[owner] for name, owner in self.tied.items() if owner in given}
        for name, tensor in given.items():
            operation, _, parameter = name.rpartition(".")
            changed.setdefault(operation, {})[parameter] = tensor

        def compute(name: str, values: Mapping[str, Tensor]) -> Tensor:
            operation = self.operations[name]
            operands = tuple(values[source] for source in operation.inputs)
            if name in changed:
                result: Tensor = functional_call(operation.layer, changed[name], operands)
                return result
            result = operation.layer(*operands)
            return result

        outputs: Tensor = self._schedule.run(compute, inputs.to(torch.float64))
        return outputs

    @property
    def output(self) -> Operation:
        """The operation whose results are the network's outputs."""
        return next(reversed(self.operations.values()))

    @property
    def tied(self) -> dict[str, str]:
        """Names under which parameters come again, and those under which they are stored."""
        return {
            f"{operation.name}.{name}": f"{operation.owner}.{name}"
            for operation in self.operations.values()
            if operation.owner
            for name in operation.parameters
        }

    @property
    def parameters(self) -> dict[str, Tensor]:
        """All weights and biases, by ``<operation>.weight`` and ``<operation>.bias``; tied ones under each name."""
        return {
            f"{operation.name}.{name}": tensor
            for operation in self.operations.values()
            for name, tensor in operation.parameters.items()
        }


def _kind(layer: nn.Module) -> Kind | None:
    if isinstance(layer, _WEIGHTED):
        return "weighted"
    if isinstance(layer, _MAXIMUM):
        return "maximum"
    if isinstance(layer, (*PIECEWISE, *_SMOOTH)):
        return "activation"
    if isinstance(layer, Rounding):
        return "rounding"
    return "linear" if isinstance(layer, _PASSING) or kind_of(layer) in _LINEAR else None


def _acts_once(layer: nn.Module, result: Tensor) -> bool:
    """Whether every weight acts in one number of a row's result."""
    if isinstance(layer, nn.Linear):
        return result.ndim == 2
    if isinstance(layer, Affine):
        return result.shape[1:].numel() == layer.num_channels
    if isinstance(layer, nn.Conv1d | nn.Conv2d):  # an image of one pixel
        return result.shape[2:].numel() == 1
    return not isinstance(layer, _WEIGHTED)
