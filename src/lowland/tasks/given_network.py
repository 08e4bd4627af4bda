"""A network that comes quantized from outside: which file or function it is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lowland.own_code import check_arguments, own_object
from lowland.tasks.split_sizes import seen_from


class InputConverter(BaseModel):
    """What rounds the inputs of a network whose file does not quantize them itself.

    Attributes:
        bits: Width of the codes of inputs.
        step: Between neighbouring codes, in units of the network's inputs.
        signed: Whether codes have a sign.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bits: Annotated[int, Field(ge=2, le=16)]
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    signed: bool = True


class GivenNetwork(BaseModel):
    """A quantized network that is studied as it is: neither trained nor quantized here.

    Attributes:
        qonnx: A QONNX file, relative to the project or absolute.
        brevitas: A function of yours that returns a trained module of Brevitas layers: ``their_package.nets:build``,
            called as ``build(inputs, outputs, **network_options)``.
        converter: With ``qonnx``, what the inputs are rounded to where the file does not quantize them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    qonnx: Path | None = None
    brevitas: str | None = None
    converter: InputConverter | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.qonnx is None) == (self.brevitas is None):
            raise ValueError("expected {qonnx: path of a file} or {brevitas: package.module:function of yours}")
        if self.converter is not None and self.qonnx is None:
            raise ValueError("converter is given with brevitas, whose layers quantize their inputs; remove it")
        if self.brevitas is not None:
            own_object(self.brevitas)
        return self

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse further arguments that nobody takes.

        Args:
            options: By name.

        Raises:
            ValueError: There are some with a file.
            LowlandError: The function does not take them.
        """
        if self.brevitas is not None:
            check_arguments(self.brevitas, ((), 1), options)
        elif options:
            raise ValueError(
                f"network_options are {dict(options)} with network: {self}; a file takes none: remove them"
            )

    def resolved(self, root: Path) -> Self:
        """With the file found from the project's folder."""
        return self if self.qonnx is None else self.model_copy(update={"qonnx": seen_from(root, self.qonnx)})

    @property
    def own_code(self) -> tuple[str | Path, ...]:
        """The file, or the dotted path of the user's function, that decides results."""
        return tuple(each for each in (self.qonnx, self.brevitas) if each is not None)

    def spec(self, inputs: Sequence[int], outputs: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """What ``lowland.quantization.imported_network`` reads it from.

        Args:
            inputs: Shape of one sample.
            outputs: Of the network a sample.
            options: Further arguments of a function.
        """
        shapes = {"inputs": list(inputs), "outputs": outputs}
        if self.qonnx is not None:
            converter = None if self.converter is None else self.converter.model_dump()
            return {"kind": "qonnx", "path": str(self.qonnx), "converter": converter, **shapes}
        return {"kind": "brevitas", "build": self.brevitas, "options": dict(options), **shapes}

    def __str__(self) -> str:
        """In prose."""
        return str(self.brevitas) if self.qonnx is None else self.qonnx.name


def _given(network: Any) -> Any:
    # Validated here, so that its own mistakes are told without those of the other members of the union.
    return GivenNetwork.model_validate(network) if isinstance(network, Mapping) else network


NetworkChoice = Annotated[str | GivenNetwork, BeforeValidator(_given)]
"""One of the task's own networks or a user's function, as text; or one from outside, as a mapping."""
