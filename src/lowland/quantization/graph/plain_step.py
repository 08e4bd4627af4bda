"""Steps without tensors: functions of whole numbers that are the same on floats."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.step import Step


class PlainStep(Step):
    """A function of one or several results that neither weighs nor rounds.

    Args:
        name: See ``Step``.
        inputs: See ``Step``.
        arguments: What the function takes besides values; jsonable.
    """

    function: ClassVar[Callable[..., Tensor]]
    """Of floats, one an input, and of the arguments."""

    def __init__(self, name: str, inputs: tuple[str, ...], **arguments: Any) -> None:
        super().__init__(name, inputs)
        self.arguments = arguments

    def settings(self) -> dict[str, Any]:
        """The function's arguments."""
        return dict(self.arguments)

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> PlainStep:
        """The step itself."""
        return cls(name, inputs, **settings)

    def forward(self, *values: Tensor) -> Tensor:
        """The function of floats [samples, ...]."""
        return self.function(*values, **self.arguments)

    def integer(self, *codes: Tensor) -> Tensor:
        """The same function of integers."""
        return self.function(*codes, **self.arguments)

    def carried(self, *values: Tensor) -> Tensor:
        """The same function of whole numbers in floats, or of floats behind a float step."""
        return self.function(*values, **self.arguments)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The one step size that all inputs share."""
        return scales[0]

    def dequantized(self) -> nn.Module:
        """The function as a module."""
        return Function(self.kind, partial(self.function, **self.arguments))

    def _scalar(self, scale: Tensor) -> Tensor:
        """The step size, which must be the same for all integers.

        Raises:
            LowlandError: One a channel.
        """
        if scale.ndim:
            raise LowlandError(
                f"step {self.name!r} ({self.kind}) moves integers with one scale a channel; expected one scale: "
                "requantize before it, or per_channel=False"
            )
        return scale


class Function(nn.Module):
    """A function without parameters as a module.

    Args:
        kind: Of the step that it stands for.
        function: Tensors -> tensor.
    """

    def __init__(self, kind: str, function: partial[Tensor]) -> None:
        super().__init__()
        self.kind = kind
        self.function = function

    def forward(self, *values: Tensor) -> Tensor:
        """The function of the values."""
        return self.function(*values)

    def extra_repr(self) -> str:
        """Its kind, where modules are printed."""
        return self.kind
