"""Steps with weights: codes of weights, and of a bias at the accumulator's scale."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from lowland.coding.codes import smallest_dtype
from lowland.errors import LowlandError
from lowland.quantization.graph.layer_specs import LAYERS
from lowland.quantization.graph.operations import TRANSPOSED, num_channels, operation, weight_shape
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.storing_step import StoredCodes, StoringStep

EXACT_BITS = 53
"""Integers of so many bits are exact in float64, in whichever order they are summed."""

SINGLE_BITS = 24
"""Integers of so many bits are exact in float32."""

_WIDTHS = ("weight_bits", "bias_bits", "accumulator_bits")
_TENSORS = ("weight", "bias", "weight_scale", "output_scale")


class Weighted(StoringStep):
    """accumulator = W * codes + b, with W and b in codes of their own; subclasses are kinds of such layers.

    A step that is tied to an earlier one reads that step's tensors but for those that it is given itself; the network
    that holds both binds them, and has each tensor once.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        sizes: What ``operations.geometry`` says of the layer.
        weight: Codes, in the shape of the layer's weights.
        weight_bits: Their two's complement width.
        weight_scale: Step size, scalar or one per output channel in a shape that multiplies the codes.
        bias: Codes [channels] at the accumulator's scale, or ``None``.
        bias_bits: Their two's complement width, 0 without bias.
        output_scale: The accumulator's step size: weight scale * input scale, scalar or [channels].
        accumulator_bits: Two's complement width that no accumulator leaves, whatever bits flip.
        tied_to: Name of the step whose tensors stand for those that are ``None``.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        sizes: Mapping[str, Any],
        weight: Tensor | None,
        weight_bits: int,
        weight_scale: Tensor | None,
        bias: Tensor | None,
        bias_bits: int,
        output_scale: Tensor | None,
        accumulator_bits: int,
        tied_to: str | None = None,
    ) -> None:
        super().__init__(name, inputs)
        self.sizes = dict(sizes)
        self.weight_bits = weight_bits
        self.bias_bits = bias_bits
        self.accumulator_bits = accumulator_bits
        self.tied_to = tied_to
        self.operation = operation(self.kind, sizes)
        self.weight: Tensor
        self.bias: Tensor | None
        self.weight_scale: Tensor
        self.output_scale: Tensor
        tensors = {"weight": weight, "bias": bias, "weight_scale": weight_scale, "output_scale": output_scale}
        for tensor_name, tensor in tensors.items():
            if tensor is not None or tied_to is None or (tensor_name == "bias" and not bias_bits):
                self.register_buffer(tensor_name, tensor)

    @property
    def borrowed(self) -> tuple[str, ...]:
        """Names of the tensors that are those of the step it is tied to."""
        return tuple(name for name in _TENSORS if name not in self._buffers)

    def __getattr__(self, name: str) -> Any:
        owner = self.__dict__.get("_owner")
        if owner is not None and name in _TENSORS and name not in self._buffers:
            return getattr(owner[0], name)
        return super().__getattr__(name)

    def bound_to(self, owner: Step) -> Self:
        """The step with the tensors of another one in place of those that it does not have.

        Raises:
            LowlandError: The other step does not have them, or is tied itself.
        """
        known = self.__dict__.get("_owner")
        if known is not None and known[0] is owner:
            return self
        lacking = [name for name in self.borrowed if getattr(owner, "_buffers", {}).get(name) is None]
        if lacking:
            raise LowlandError(
                f"step {self.name!r} is tied to {owner.name!r}, which has no {', '.join(lacking)} of its own; expected "
                "an earlier step with these tensors, not tied itself"
            )
        weight = owner._buffers["weight"] if "weight" in self.borrowed else None
        if weight is not None and weight.shape != weight_shape(self.kind, self.sizes):
            raise LowlandError(f"step {self.name!r} is tied to {owner.name!r}, whose weights have another shape")
        bound = copy.copy(self)
        bound._buffers = dict(self._buffers)
        # In a tuple it is no submodule, so that its tensors stand in the state once.
        bound.__dict__["_owner"] = (owner,)
        return bound

    def sharing(self, owner: Weighted, *, own_bias: bool = False) -> Self:
        """The step tied to one of the same weights; the step size of its accumulators is its own where it differs.

        Args:
            owner: An earlier step, not tied itself.
            own_bias: Whether the bias is its own, too.

        Raises:
            LowlandError: There is one bias for both, which has one step size.
        """
        own = None if torch.equal(self.output_scale, owner.output_scale) else self.output_scale
        if own is not None and self.bias is not None and not own_bias:
            raise LowlandError(
                f"step {self.name!r} shares the bias of {owner.name!r} at another step size; expected inputs of one "
                "step size wherever a layer with a bias is called"
            )
        return type(self)(
            self.name,
            self.inputs,
            sizes=self.sizes,
            weight=None,
            weight_bits=self.weight_bits,
            weight_scale=None,
            bias=self.bias if own_bias else None,
            bias_bits=self.bias_bits,
            output_scale=own,
            accumulator_bits=self.accumulator_bits,
            tied_to=owner.name,
        )

    def settings(self) -> dict[str, Any]:
        """Sizes and widths; the shape of the weight scale where it is no scalar; what is tied, and what is not."""
        widths = {width: getattr(self, width) for width in _WIDTHS}
        scale = self._buffers.get("weight_scale")
        shape = {"weight_scale_shape": list(scale.shape)} if scale is not None and scale.ndim else {}
        tied: dict[str, Any] = {}
        if self.tied_to is not None:
            own = {name: list(tensor.shape) for name, tensor in self._buffers.items() if tensor is not None}
            tied = {"tied_to": self.tied_to, "own": own}
        return {**self.sizes, **widths, **shape, **tied}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Weighted:
        """A layer of zeros."""
        weight_bits, bias_bits, accumulator_bits = (settings.pop(width) for width in _WIDTHS)
        shape = tuple(settings.pop("weight_scale_shape", ()))
        tied_to, own = settings.pop("tied_to", None), settings.pop("own", None)
        channels = num_channels(cls.kind, settings)
        shapes: dict[str, Any] = {
            "weight": weight_shape(cls.kind, settings),
            "bias": (channels,) if bias_bits else None,
            "weight_scale": shape,
            "output_scale": (channels,) if shape else (),
        }
        if tied_to is not None:
            shapes = {tensor: own.get(tensor) for tensor in shapes}
        types = {"weight": smallest_dtype(weight_bits), "bias": smallest_dtype(max(bias_bits, 1))}
        tensors: dict[str, Any] = {
            tensor: None if shape is None else torch.zeros(tuple(shape), dtype=types.get(tensor))
            for tensor, shape in shapes.items()
        }
        return cls(
            name,
            inputs,
            sizes=settings,
            weight_bits=weight_bits,
            bias_bits=bias_bits,
            accumulator_bits=accumulator_bits,
            tied_to=tied_to,
            **tensors,
        )

    @property
    def stored(self) -> dict[str, StoredCodes]:
        """Weights, and biases if there are any."""
        kinds = {"weight": (self.weight_bits, "weight_scale"), "bias": (self.bias_bits, "output_scale")}
        found = {kind: (self._buffers.get(kind), *rest) for kind, rest in kinds.items()}
        return {
            kind: StoredCodes(codes, bits, scale) for kind, (codes, bits, scale) in found.items() if codes is not None
        }

    def with_codes(self, codes: Mapping[str, Tensor]) -> Self:
        """The same step with other codes (keys ``weight``, ``bias``); everything else is shared."""
        tensors: dict[str, Any] = {name: self._buffers.get(name) for name in _TENSORS} | dict(codes)
        return type(self)(
            self.name,
            self.inputs,
            sizes=self.sizes,
            weight_bits=self.weight_bits,
            bias_bits=self.bias_bits,
            accumulator_bits=self.accumulator_bits,
            tied_to=self.tied_to,
            **tensors,
        )

    def float_parameters(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as code * scale."""
        scale = self.output_scale
        weight = self.weight.to(scale.dtype) * self.weight_scale
        return weight, None if self.bias is None else self.bias.to(scale.dtype) * scale

    def forward(self, values: Tensor) -> Tensor:
        """The layer in floats from the codes.

        Args:
            values: Floats [samples, ...].
        """
        return self.operation(values, *self.float_parameters())

    def integer(self, codes: Tensor) -> Tensor:
        """Accumulators (int64) from codes (int64): in float64 where it is exact, as torch has fast kernels for it."""
        dtype = torch.float64 if self.accumulator_bits <= EXACT_BITS else torch.int64
        bias = None if self.bias is None else self.bias.to(dtype)
        accumulators = self.operation(codes.to(dtype), self.weight.to(dtype), bias)
        return accumulators.round().to(torch.int64) if dtype.is_floating_point else accumulators

    def carried(self, values: Tensor) -> Tensor:
        """The accumulators in float32 or float64, whichever holds all of them exactly."""
        dtype = self._carrier
        if dtype is None:
            return super().carried(values)
        bias = None if self.bias is None else self.bias.to(dtype)
        return self.operation(values.to(dtype), self.weight.to(dtype), bias)

    def carried_change(self, change: Tensor, block: slice) -> Tensor:
        """What a change in some input channels adds to the accumulators, of layers without groups.

        Args:
            change: [samples, block, ...] differences of whole numbers.
            block: Which input channels.
        """
        weight = self.weight[block] if self.kind in TRANSPOSED else self.weight[:, block]
        dtype = self._carrier or torch.int64
        return self.operation(change.to(dtype), weight.to(dtype), None)

    @property
    def _carrier(self) -> torch.dtype | None:
        """The smallest float type that holds accumulators and differences of two of them."""
        if self.accumulator_bits < SINGLE_BITS:
            return torch.float32
        return torch.float64 if self.accumulator_bits < EXACT_BITS else None

    def result_scale(self, scale: Tensor) -> Tensor:
        """The accumulator's step size, in a shape that multiplies the accumulators."""
        own = self.output_scale
        return own.reshape(-1, *[1] * (self.weight.ndim - 2)) if own.ndim else own

    def dequantized(self) -> nn.Module:
        """An ordinary layer of torch with parameters code * scale."""
        weight, bias = self.float_parameters()
        # Built on meta and filled: initial weights would advance torch's global generator.
        layer = LAYERS[self.kind][0](**self.sizes, bias=bias is not None, device="meta")
        layer.weight = nn.Parameter(weight)
        if bias is not None:
            layer.bias = nn.Parameter(bias.clone())
        return layer
