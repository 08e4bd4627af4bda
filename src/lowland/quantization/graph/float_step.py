"""The step for a layer that computes in floats on the device."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from lowland.quantization.graph.layer_specs import layer_from_spec, layer_spec
from lowland.quantization.graph.step import Step


class FloatStep(Step):
    """A layer in float32 between integers, such as a layer norm, a softmax or attention; a quantizer follows it.

    Its parameters are float32 words: they count in the network's size.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        layer: A layer that ``layer_spec`` can describe; owned by the step from now on. Of several results the first
            is taken.
        input_scales: Step size of the integers of each input, in shapes that multiply them.
    """

    kind = "float_step"

    def __init__(self, name: str, inputs: tuple[str, ...], *, layer: nn.Module, input_scales: Sequence[Tensor]) -> None:
        super().__init__(name, inputs)
        self.layer = layer.requires_grad_(False).eval()
        for place, scale in enumerate(input_scales):
            self.register_buffer(input_scale_name(place), scale)

    @property
    def input_scales(self) -> tuple[Tensor, ...]:
        """Step size of the integers of each input."""
        return tuple(getattr(self, input_scale_name(place)) for place in range(len(self.inputs)))

    @property
    def stored_scales(self) -> tuple[Tensor, ...]:
        """What the integers of each input are multiplied with."""
        return self.input_scales

    @property
    def float_words(self) -> dict[str, Tensor]:
        """The layer's parameters by their names in it."""
        return dict(self.layer.named_parameters())

    def with_float_words(self, words: Mapping[str, Tensor]) -> Self:
        """The same step with other parameters; what is not named is shared.

        Args:
            words: float32 by the names of ``float_words``.
        """
        layer = copy.deepcopy(self.layer)
        for name, value in words.items():
            owner, _, last = name.rpartition(".")
            setattr(layer.get_submodule(owner), last, nn.Parameter(value, requires_grad=False))
        return type(self)(self.name, self.inputs, layer=layer, input_scales=self.input_scales)

    def settings(self) -> dict[str, Any]:
        """The layer's spec and the shapes of the scales."""
        shapes = [list(scale.shape) for scale in self.input_scales]
        return {"layer": layer_spec(self.layer), "input_scale_shapes": shapes}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> FloatStep:
        """The layer of this spec, whose tensors wait on the meta device."""
        scales = [torch.zeros(tuple(shape)) for shape in settings["input_scale_shapes"]]
        return cls(name, inputs, layer=layer_from_spec(settings["layer"]), input_scales=scales)

    def forward(self, *values: Tensor) -> Tensor:
        """The layer on floats."""
        return first_result(self.layer(*values))

    def integer(self, *codes: Tensor) -> Tensor:
        """The layer's floats from integers; floats of another float step are taken as they are."""
        scales = self.input_scales
        values = [code.to(scale.dtype) * scale for code, scale in zip(codes, scales, strict=True)]
        return self(*values)

    def carried(self, *values: Tensor) -> Tensor:
        """The same floats."""
        return self.integer(*values)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """1: the results are floats themselves."""
        return torch.ones((), dtype=scales[0].dtype, device=scales[0].device)

    def dequantized(self) -> nn.Module:
        """A trainable copy of the layer."""
        layer = copy.deepcopy(self.layer).requires_grad_(True)
        return FirstResult(layer) if isinstance(layer, nn.MultiheadAttention) else layer


def input_scale_name(place: int) -> str:
    """The name of the step size of an input's integers among the step's tensors."""
    return f"input_scale_{place}"


class FirstResult(nn.Module):
    """A layer with several results, of which the first is taken.

    Args:
        layer: Its parameters carry the names that they have in it.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *values: Tensor) -> Tensor:
        """The first result."""
        return first_result(self.layer(*values))


def first_result(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The result of a layer, of several the first (attention gives its weights as well)."""
    return result if isinstance(result, Tensor) else result[0]
