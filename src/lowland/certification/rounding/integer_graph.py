"""An integer network as three kinds of operations: sums, staircases and tables; one registered rule a kind of step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

from lowland.certification.rounding.linear_parts import Vector, linear_parts
from lowland.certification.rounding.staircase import Staircase
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.table_step import Table

EXACT_BITS = 53
"""Integers of so many bits are exact in float64, in which bounds and programmes compute."""


@dataclass(frozen=True, eq=False)
class Sum:
    """Integers that are whole multiples of others, summed: layers with weights, sums, changes of shape.

    Attributes:
        parts: A matrix for each step whose integers it takes.
        offset: What is added.
    """

    parts: Mapping[str, csr_array]
    offset: Vector


@dataclass(frozen=True, eq=False)
class Rounded:
    """Codes of accumulators.

    Attributes:
        source: Whose integers.
        staircase: From integer to code.
    """

    source: str
    staircase: Staircase


@dataclass(frozen=True, eq=False)
class Looked:
    """Codes from a table.

    Attributes:
        source: Whose codes.
        entries: One a code, counted from ``lowest``; codes outside get the nearest.
        lowest: The code of the first entry.
    """

    source: str
    entries: npt.NDArray[np.int64]
    lowest: int

    def codes(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The entries of codes."""
        return self.entries[np.clip(values - self.lowest, 0, len(self.entries) - 1)]


Node = Sum | Rounded | Looked
Shapes = Mapping[str, tuple[int, ...]]
Rule = Callable[[Any, Shapes], Node]

RULES: dict[str, Rule] = {}
"""What each kind of step is, by its kind; other kinds are refused by name."""


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Registers a rule: a function of a step and of the shapes of all results, by step name."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


@rule(
    *("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "affine"),
    *("add", "concat", "rescale", "mean", "avg_pool1d", "avg_pool2d"),
    *("flatten", "unflatten", "reshape", "permute", "slice", "pad", "upsample"),
)
def linear(step: Step, shapes: Shapes) -> Sum:
    """Whatever is linear in its integers, the same step taken twice included."""
    matrices, offset = linear_parts(step.integer, [shapes[source] for source in step.inputs], torch.int64)
    parts: dict[str, csr_array] = {}
    for source, matrix in zip(step.inputs, matrices, strict=True):
        parts[source] = parts[source] + matrix if source in parts else matrix
    return Sum(parts, offset)


@rule("requantize")
def requantize(step: Requantize, shapes: Shapes) -> Rounded:
    """Accumulators to codes."""
    shape = (1, *shapes[step.name])
    multiplier, shift = (
        values.broadcast_to(shape).flatten().numpy().astype(np.int64) for values in (step.multiplier, step.shift)
    )
    return Rounded(step.inputs[0], Staircase(multiplier, shift, step.lowest, step.highest))


@rule("table")
def table(step: Table, shapes: Shapes) -> Looked:
    """Codes to entries."""
    return Looked(step.inputs[0], step.table.numpy().astype(np.int64), step.lowest)


class IntegerGraph:
    """The operations of an integer network behind its input codes.

    Args:
        network: With one quantizer of its inputs; left as it came.
        row: An input [...], for the shapes.

    Raises:
        LowlandError: Steps without a rule (all of them are named), more than one quantizer of inputs, or accumulators
            that float64 does not hold.
    """

    def __init__(self, network: IntegerNetwork, row: Tensor) -> None:
        steps: list[Any] = list(network.steps.values())
        sensors = [step for step in steps if type(step) is Quantize and step.inputs == (INPUTS,)]
        others = [step for step in steps if step not in sensors]
        if unknown := [f"{step.name} ({step.kind})" for step in others if step.kind not in RULES]:
            raise LowlandError(
                f"the network has {len(unknown)} step{'s' * (len(unknown) > 1)} whose integers cannot be enclosed: "
                f"{', '.join(unknown)}; expected {', '.join(RULES)}"
            )
        if len(sensors) != 1 or any(INPUTS in step.inputs for step in others):
            raise LowlandError(
                f"the network has {len(sensors)} quantizers of its inputs; expected one, before everything else"
            )
        if wide := [step.name for step in others if getattr(step, "accumulator_bits", 0) >= EXACT_BITS]:
            raise LowlandError(f"accumulators of {', '.join(wide)} have {EXACT_BITS} bits or more; expected fewer")
        self.network = network
        self.row_shape = tuple(row.shape)
        self.sensor: Quantize = sensors[0]
        with torch.no_grad():
            values = network.integer_values(row[None])
            self.shapes = {name: tuple(value.shape[1:]) for name, value in values.items()}
            self.nodes: dict[str, Node] = {step.name: RULES[step.kind](step, self.shapes) for step in others}
        self.output = steps[-1].name

    @cached_property
    def scales(self) -> dict[str, Vector]:
        """Step size of the integers of every step, flattened, in float64."""
        scales = {INPUTS: torch.ones(())}
        found = {}
        steps: list[Any] = list(self.network.steps.values())
        for step in steps:
            scales[step.name] = scale = step.result_scale(*(scales[name] for name in step.inputs))
            found[step.name] = scale.double().broadcast_to((1, *self.shapes[step.name])).flatten().numpy().copy()
        return found

    def codes(self, inputs: Tensor) -> npt.NDArray[np.int64]:
        """What the quantizer makes of inputs [rows, ...]: codes [rows, inputs]."""
        codes: npt.NDArray[np.int64] = self.sensor.integer(inputs.float()).flatten(1).numpy()
        return codes
