"""What every step of an integer network can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

INPUTS = "inputs"
"""The name by which the first steps refer to the network's own input."""


class CodeFormat(NamedTuple):
    """What the codes are that a step rounds to and hands on, as registers hold them.

    Attributes:
        bits: Width of a word.
        lowest: Lowest code; the highest is ``lowest`` + 2^bits - 1.
        scale: Step size, scalar.
        twos_complement: Whether words are two's complement; else they are plain binary, counted from ``lowest``.
    """

    bits: int
    lowest: int
    scale: Tensor
    twos_complement: bool = False

    @property
    def highest(self) -> int:
        """Highest code."""
        return self.lowest + 2**self.bits - 1


class Step(nn.Module, ABC):
    """One operation of an integer network: named, with named inputs.

    A step computes from floats (``forward``), from codes (``integer``) and as a differentiable module
    (``dequantized``), each from one argument an input. ``settings`` and the buffers together restore it.

    Args:
        name: Unique in its network; names the tensors of the step (``0.weight``).
        inputs: Names of the steps whose results it takes, ``inputs`` for the network's own input.
    """

    kind: ClassVar[str]
    tied_to: str | None = None

    def __init__(self, name: str, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.name = name
        self.inputs = inputs

    @property
    def result_codes(self) -> CodeFormat | None:
        """The codes that the step rounds its results to; nothing if it does not round."""
        return None

    @property
    def rounding(self) -> dict[str, CodeFormat]:
        """The codes of everything that the step rounds, by the name that the rounded values have in its network."""
        return {} if self.result_codes is None else {self.name: self.result_codes}

    def spec(self) -> dict[str, Any]:
        """What ``step_from_spec`` needs to build this step without its tensors, jsonable."""
        return {"kind": self.kind, "name": self.name, "inputs": list(self.inputs), **self.settings()}

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The keyword arguments of ``empty``."""

    @classmethod
    @abstractmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Step:
        """A step of this kind whose buffers wait for ``load_state_dict``."""

    @abstractmethod
    def integer(self, codes: Tensor) -> Tensor:
        """The result in integers (int64) from integers; steps with several inputs take one argument each."""

    def carried(self, values: Tensor) -> Tensor:
        """``integer`` of integers that are carried in floats, for which torch has fast kernels: the same integers.

        Args:
            values: Whole numbers in float32 or float64; the first step takes real inputs.

        Returns:
            Whole numbers in float32 where these hold them, else in float64; floats behind float parts.
        """
        result = self.integer(values.to(torch.int64))
        return result if result.is_floating_point() else result.to(torch.float64)

    def result_scale(self, scale: Tensor) -> Tensor:
        """Step size of the resulting integers, given that of the integers that come in (one argument an input).

        Args:
            scale: In a shape that multiplies the integers.
        """
        return scale

    @abstractmethod
    def dequantized(self) -> nn.Module:
        """The same function as a module with float parameters, differentiable straight through the roundings."""
