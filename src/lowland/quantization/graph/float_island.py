"""The step for a part of a network that is left in float."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization.graph.layer_specs import layer_from_spec, layer_spec
from lowland.quantization.graph.step import Step


class FloatIsland(Step):
    """A float network inside an integer one, such as the decoder of an autoencoder whose encoder alone is deployed.

    Its parameters are floats with names of their own (``decoder.network.0.weight``), no codes.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        network: Layers that ``layer_spec`` can describe; owned by the step from now on.
        input_scale: Step size of the integers it is fed, in a shape that multiplies them.
    """

    kind = "float_island"

    def __init__(self, name: str, inputs: tuple[str, ...], *, network: nn.Module, input_scale: Tensor) -> None:
        super().__init__(name, inputs)
        self.network = network.requires_grad_(False).eval()
        self.input_scale: Tensor
        self.register_buffer("input_scale", input_scale)

    def settings(self) -> dict[str, Any]:
        """The network's spec and the shape of the scale."""
        return {"network": layer_spec(self.network), "input_scale_shape": list(self.input_scale.shape)}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> FloatIsland:
        """The network of this spec, whose tensors wait on the meta device."""
        scale = torch.zeros(tuple(settings["input_scale_shape"]))
        return cls(name, inputs, network=layer_from_spec(settings["network"]), input_scale=scale)

    def forward(self, values: Tensor) -> Tensor:
        """The network on floats."""
        return self.network(values)

    def integer(self, codes: Tensor) -> Tensor:
        """The network's floats from integers: here integer arithmetic ends."""
        return self.network(codes.to(self.input_scale.dtype) * self.input_scale)

    def carried(self, values: Tensor) -> Tensor:
        """The same floats, from whole numbers in floats."""
        return self.integer(values)

    def result_scale(self, scale: Tensor) -> Tensor:
        """1: the results are floats themselves."""
        return torch.ones((), dtype=scale.dtype, device=scale.device)

    def dequantized(self) -> nn.Module:
        """A trainable copy of the network."""
        return copy.deepcopy(self.network).requires_grad_(True)
