"""Steps without tensors of their own: a layer of torch that neither weighs nor rounds."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from lowland.quantization.graph.layer_specs import layer_from_spec
from lowland.quantization.graph.step import Step


class LayerStep(Step):
    """What the torch layer of the same kind does.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        arguments: Constructor arguments of the layer.
    """

    def __init__(self, name: str, inputs: tuple[str, ...], **arguments: Any) -> None:
        super().__init__(name, inputs)
        self.arguments = arguments
        self.layer = self.dequantized()

    def settings(self) -> dict[str, Any]:
        """Constructor arguments of the layer."""
        return dict(self.arguments)

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> LayerStep:
        """The step itself."""
        return cls(name, inputs, **settings)

    def forward(self, values: Tensor) -> Tensor:
        """The layer on floats [samples, ...]."""
        return self.layer(values)

    def dequantized(self) -> nn.Module:
        """The layer."""
        return layer_from_spec({"kind": self.kind, **self.arguments})
