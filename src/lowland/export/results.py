"""What every step of a network hands on, as a format must know it: its shape, and the range of its integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS
from lowland.quantization.graph.scaling_steps import Rescale
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
        return self.network.integer_values(inputs.to(torch.float32))[self.output]


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
    steps: list[Any] = list(network.steps.values())
    kept = [step for step in steps if step.name not in off_device]
    rows = example[:1].to(torch.float32).expand(2, *example.shape[1:])  # tokens too come as floats
    values = {INPUTS: rows, **network.integer_values(rows)}
    found = {INPUTS: Result(tuple(rows.shape[1:]), 0, 0, is_float=True)}
    sites = []
    for step in kept:
        inputs = tuple(found[name] for name in step.inputs)
        value = values[step.name]
        if value.ndim < 1 or len(value) != len(rows):
            raise LowlandError(
                f"step {step.name!r} makes {tuple(value.shape)} of {len(rows)} rows; expected rows first, each alone"
            )
        if value.is_floating_point():
            result = Result(tuple(value.shape[1:]), 0, 0, is_float=True)
        else:
            result = Result(tuple(value.shape[1:]), *integer_range(step, inputs))
        found[step.name] = result
        sites.append(Site(step, inputs, result))
    islands = [step for step in steps if step.name in off_device]
    scale = islands[0].input_scale if islands else network.output_scale
    return Deployed(network, tuple(sites), found[INPUTS], spec["output"]["step"], scale.detach())


def integer_range(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """The lowest and the highest integer of a step; the widest range there is for kinds that tell nothing of theirs."""
    codes = step.result_codes
    if codes is not None:
        return codes.lowest, codes.lowest + 2**codes.bits - 1
    if isinstance(step, Weighted):
        return code_range(step.accumulator_bits, signed=True)
    rule = RANGES.get(step.kind)
    return (1 - 2**PRODUCT_BITS, 2**PRODUCT_BITS - 1) if rule is None else rule(step, inputs)


def _same(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """Integers that are those that came."""
    return min(value.lowest for value in inputs), max(value.highest for value in inputs)


def _same_or_zero(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """Integers that are those that came, and 0 around them."""
    return min(0, inputs[0].lowest), max(0, inputs[0].highest)


def _sum_of(count: int, value: Result) -> tuple[int, int]:
    """Sums of so many integers, or of fewer."""
    return min(0, value.lowest * count), max(0, value.highest * count)


def _product(step: Step, inputs: Sequence[Result]) -> tuple[int, int]:
    """Products of two integers."""
    first, second = ((value.lowest, value.highest) for value in inputs)
    ends = [left * right for left in first for right in second]
    return min(ends), max(ends)


def _multiple(step: Rescale, inputs: Sequence[Result]) -> tuple[int, int]:
    """The integers or their opposites."""
    lowest, highest = inputs[0].lowest, inputs[0].highest
    return (lowest, highest) if step.factor > 0 else (-highest, -lowest)


RANGES: dict[str, Callable[[Any, Sequence[Result]], tuple[int, int]]] = {
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "flatten", "unflatten", "reshape", "permute", "slice", "upsample", "concat"), _same
    ),
    "pad": _same_or_zero,
    "avg_pool1d": lambda step, inputs: _sum_of(step.window, inputs[0]),
    "avg_pool2d": lambda step, inputs: _sum_of(step.window, inputs[0]),
    "mean": lambda step, inputs: _sum_of(step.count, inputs[0]),
    "add": lambda step, inputs: (sum(value.lowest for value in inputs), sum(value.highest for value in inputs)),
    "multiply": _product,
    "rescale": _multiple,
    "scan": lambda step, inputs: _from_zero(step.steps[step.loop.shown]),
    "embedding": lambda step, inputs: code_range(step.weight_bits, signed=True),
}
"""The range of integers by kind of step, where neither a code's width nor an accumulator's says it."""


def stored_name(step: Step, kind: str) -> str:
    """The name in the network of a stored tensor that a step reads, its own or that of a step that it is tied to.

    Args:
        step: With stored tensors.
        kind: The step's name for it: ``weight``, ``bias``, ``table``.
    """
    borrowed = isinstance(step, Weighted) and step.tied_to is not None and kind in step.borrowed
    return f"{step.tied_to if borrowed else step.name}.{kind}"


def body_sites(site: Site[Any]) -> tuple[dict[str, Result], tuple[Site[Any], ...]]:
    """What a body that is repeated along a sequence takes at one place, and its steps.

    Args:
        site: Of a ``scan`` step, whose ``loop`` says which steps give the states, and whose ``steps`` are the body.

    Returns:
        The place (``inputs``) and the states by name; the body's steps in order of computation.
    """
    loop, sequence = site.step.loop, site.inputs[0]
    known = {INPUTS: replace(sequence, shape=sequence.shape[1:])}
    for state, source in loop.states.items():
        known[state] = Result((loop.size,), *_from_zero(site.step.steps[source]))
    taken, sites = dict(known), []
    for step in site.step.steps.values():
        inputs = tuple(known[name] for name in step.inputs)
        zeros = (torch.zeros(1, *value.shape, dtype=torch.int64) for value in inputs)
        known[step.name] = Result(tuple(step.integer(*zeros).shape[1:]), *integer_range(step, inputs))
        sites.append(Site(step, inputs, known[step.name]))
    return taken, tuple(sites)


def _from_zero(step: Step) -> tuple[int, int]:
    """The codes of a state, which is 0 before the first place."""
    lowest, highest = integer_range(step, ())
    return min(0, lowest), max(0, highest)


def check_finite(inputs: Tensor) -> None:
    """Refuse inputs that have no code.

    Raises:
        LowlandError: NaN or Inf.
    """
    if not torch.isfinite(inputs).all():
        raise LowlandError("inputs hold NaN or Inf, which have no code; expected finite numbers")
