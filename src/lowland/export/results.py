"""What every step of a network hands on, as a format must know it: its shape, and the range of its integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.pooling_steps import pair
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted

S = TypeVar("S", bound=Step)


@dataclass(frozen=True)
class Result:
    """What a step hands on for one row.

    Attributes:
        shape: Without rows.
        lowest: The lowest integer that it can hold, whatever the inputs and whichever bits of stored words flip.
        highest: The highest one.
        is_float: Whether it holds floats: the network's input, until a step quantizes it.
    """

    shape: tuple[int, ...]
    lowest: int
    highest: int
    is_float: bool = False

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return prod(self.shape)

    @property
    def reach(self) -> int:
        """The largest size that an integer can have."""
        return max(-self.lowest, self.highest)


@dataclass(frozen=True)
class Site(Generic[S]):
    """A step with what comes in and what it hands on.

    Attributes:
        step: The step.
        inputs: What it takes, in its order.
        result: What it hands on.
    """

    step: S
    inputs: tuple[Result, ...]
    result: Result


@dataclass(frozen=True)
class Deployed:
    """The part of a network that is deployed, ready to be told in another format.

    Attributes:
        network: The network.
        sites: Its steps but those off the device, in order of computation.
        inputs: The network's own input.
        output: Name of the step whose integers leave the device.
        scale: Step size of these integers, in a shape that multiplies them.
    """

    network: IntegerNetwork
    sites: tuple[Site[Any], ...]
    inputs: Result
    output: str
    scale: Tensor

    @property
    def result(self) -> Result:
        """What leaves the device."""
        return next(site.result for site in self.sites if site.step.name == self.output)

    def integers(self, inputs: Tensor) -> Tensor:
        """What every format must give: int64 [rows, ...] of inputs [rows, ...]."""
        return self.network.integer_values(inputs)[self.output]


def deployed(network: IntegerNetwork, example: Tensor) -> Deployed:
    """Steps of the deployed part with shapes and ranges; a float part behind it, such as a decoder, is left off.

    Args:
        network: To be told in another format.
        example: Inputs [rows, ...], at least one row.

    Raises:
        LowlandError: Another kind of network, no rows, inputs that do not fit, or a step that mixes rows.
    """
    if not isinstance(network, IntegerNetwork):
        raise LowlandError(
            f"network is a {type(network).__name__}; expected an IntegerNetwork, integer from input to output: "
            "quantize it with method qat or ptq and freeze it"
        )
    if not isinstance(example, Tensor) or example.ndim < 2 or not len(example):
        came = f"a tensor of shape {tuple(example.shape)}" if isinstance(example, Tensor) else type(example).__name__
        raise LowlandError(f"example is {came}; expected a tensor of inputs, [rows, ...], with at least one row")
    spec = network.spec
    off_device = set(spec["off_device"])
    kept = [step for step in network.steps.values() if step.name not in off_device]
    rows = example[:1].expand(2, *example.shape[1:])
    values = {INPUTS: rows, **network.integer_values(rows)}
    found = {INPUTS: Result(tuple(rows.shape[1:]), 0, 0, is_float=rows.is_floating_point())}
    sites = []
    for step in kept:
        inputs = tuple(found[name] for name in step.inputs)
        value = values[step.name]
        if value.ndim < 2 or len(value) != len(rows):
            raise LowlandError(
                f"step {step.name!r} makes {tuple(value.shape)} of {len(rows)} rows; expected every row alone, rows first"
            )
        if value.is_floating_point():
            result = Result(tuple(value.shape[1:]), 0, 0, is_float=True)
        else:
            result = Result(tuple(value.shape[1:]), *integer_range(step, inputs))
        found[step.name] = result
        sites.append(Site(step, inputs, result))
    islands = [step for step in network.steps.values() if step.name in off_device]
    scale = islands[0].input_scale if islands else network.output_scale
    return Deployed(network, tuple(sites), found[INPUTS], spec["output"]["step"], scale.detach())


def integer_range(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """The lowest and the highest integer of a step; the widest range there is for kinds that tell nothing of theirs."""
    rule = RANGES.get(step.kind)
    if rule is not None:
        return rule(step, inputs)
    if isinstance(step, Weighted):
        return -(2 ** (step.accumulator_bits - 1)), 2 ** (step.accumulator_bits - 1) - 1
    if isinstance(step, Quantize):
        return step.lowest, step.highest
    return 1 - 2**PRODUCT_BITS, 2**PRODUCT_BITS - 1


def _same(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """Integers that are those that came."""
    return min(value.lowest for value in inputs), max(value.highest for value in inputs)


def _window_sum(step: Any, inputs: Sequence[Result]) -> tuple[int, int]:
    """Sums of as many integers as a window holds, or of fewer."""
    window = prod(pair(step.arguments["kernel_size"]))
    return min(0, inputs[0].lowest * window), max(0, inputs[0].highest * window)


RANGES: dict[str, Callable[[Any, Sequence[Result]], tuple[int, int]]] = {
    "max_pool1d": _same,
    "max_pool2d": _same,
    "avg_pool2d": _window_sum,
    "flatten": _same,
    "unflatten": _same,
}
"""The range of integers by kind of step, where neither a code's width nor an accumulator's says it."""


def check_finite(inputs: Tensor) -> None:
    """Refuse inputs that have no code.

    Raises:
        LowlandError: NaN or Inf.
    """
    if not torch.isfinite(inputs).all():
        raise LowlandError("inputs hold NaN or Inf, which have no code; expected finite numbers")
