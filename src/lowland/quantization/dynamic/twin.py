"""A float network computed as it would be under dynamic quantization, with derivatives of its own parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.dynamic.activation_codes import code_activations
from lowland.quantization.dynamic.arithmetic import ActivationCoding, DynamicArithmetic, arithmetic_of
from lowland.quantization.dynamic.conversion import deployed_modules
from lowland.quantization.dynamic.layers import WithGradient
from lowland.quantization.dynamic.weight_codes import channel_axis, code_weights
from lowland.quantization.graph.layer_specs import LAYERS
from lowland.quantization.graph.operations import geometry, operation

WEIGHT_BITS = 8


class _CodedTwin(nn.Module):
    r"""A layer whose weights and inputs are rounded to what their codes stand for, straight through the roundings.

    With a value x, its step s and the code q nearest to x/s, what is read is qs. The derivative passes the rounding and
    takes the step with it, as that follows the largest values: :math:`1 + (q - x/s)\,ds/dx` (Esser et al. 2020,
    arXiv:1902.08153, for a step that is learned). Without the second term nothing tells a network what its outliers do.

    Args:
        layer: Whose parameters these are: they are shared, not copied.
        kind: Its key in ``LAYERS``.
        arithmetic: How weights and activations are coded.
    """

    def __init__(self, layer: nn.Module, kind: str, arithmetic: DynamicArithmetic) -> None:
        super().__init__()
        self.layer, self.kind, self.arithmetic = layer, kind, arithmetic
        self.operation = operation(kind, geometry(layer))
        in_channels = arithmetic.weights.per_channel and kind in arithmetic.weights.channels
        self.axis = channel_axis(kind) if in_channels else None
        self.bits = WEIGHT_BITS

    def forward(self, values: Tensor) -> Tensor:
        """Results of the rounded layer."""
        weight, bias = cast(Tensor, self.layer.weight), cast(Tensor | None, self.layer.bias)
        coded = code_weights(weight, self.arithmetic.weights, bits=WEIGHT_BITS, axis=self.axis)
        rounded: Tensor = WithGradient.apply(coded.codes.to(weight.dtype) * coded.scale, weight)
        coding = self.arithmetic.activations
        assert coding is not None  # of every runtime
        row_dims = max(1, weight.ndim - 1)
        codes = code_activations(values.detach(), coding, bits=self.bits, row_dims=row_dims)
        span = _span(values, coding, row_dims=row_dims)
        step = codes.scale * span / span.detach().clamp(min=torch.finfo(span.dtype).tiny)
        steps_off = (codes.values() - values.detach()) / codes.scale
        read: Tensor = WithGradient.apply(codes.values(), values + steps_off * step)
        return self.operation(read, rounded, bias)


def _span(values: Tensor, coding: ActivationCoding, *, row_dims: int) -> Tensor:
    """What the step size is proportional to, of every row [..., 1, ...], with its derivatives."""
    dims = tuple(range(-row_dims, 0))
    if coding.zero_point == "none":
        return values.abs().amax(dims, keepdim=True)
    return values.amax(dims, keepdim=True).clamp(min=0) - values.amin(dims, keepdim=True).clamp(max=0)


class DynamicTwin(nn.Module):
    """A float network as a runtime with dynamic arithmetic computes it, trained through its roundings.

    Parameters are those of the network itself, so that a step on them changes both. What it puts out is what
    ``quantize_dynamically`` deploys, to the rounding of float32 sums. Batch-norm stands where it stands in the network;
    the deployed one has it folded into the weights before they are coded.

    Args:
        network: Any module with torch's own layers.
        runtime: Whose arithmetic.
        float_from: Name of the layer from which on nothing is deployed.

    Raises:
        LowlandError: A runtime whose scales come from whole batches, or no layer that it computes in codes.
    """

    def __init__(self, network: nn.Module, *, runtime: str, float_from: str | None = None) -> None:
        super().__init__()
        arithmetic = arithmetic_of(runtime)
        if arithmetic.depends_on_batch:
            raise LowlandError(
                f"runtime is {runtime!r}, whose scales come from the whole batch; expected arithmetic by row: use "
                "torchao or litert"
            )
        kinds = {LAYERS[kind][0]: kind for kind in arithmetic.layers}
        shared = {id(each): each for each in [*network.parameters(), *network.buffers()]}
        self.network = copy.deepcopy(network, shared)  # modules anew, tensors the same
        twins: dict[int, _CodedTwin] = {}
        self._twins: dict[str, _CodedTwin] = {}
        deployed = {id(layer) for _, layer in deployed_modules(self.network, float_from)}
        for path, parent in list(self.network.named_modules()):
            for name, child in list(parent._modules.items()):
                if child is not None and type(child) in kinds and id(child) in deployed:
                    twin = twins.setdefault(id(child), _CodedTwin(child, kinds[type(child)], arithmetic))
                    parent._modules[name] = twin
                    self._twins.setdefault(f"{path}.{name}".lstrip("."), twin)
        if not self._twins:
            raise LowlandError(f"network has no layer that runtime {runtime!r} computes in codes; expected one")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers in codes, in the order in which the network lists them."""
        return tuple(self._twins)

    def set_bits(self, layers: Sequence[str], bits: Sequence[int]) -> None:
        """Widths of what layers read from now on.

        Args:
            layers: Names, as a ``PolicySubject`` of the deployed network has them.
            bits: One width a layer.
        """
        for name, width in zip(layers, bits, strict=True):
            self._twins[name].bits = width

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [rows, ...] under the widths that were set last; 8 bits before.

        Args:
            inputs: Floats [rows, ...].
        """
        outputs: Tensor = self.network(inputs)
        return outputs
