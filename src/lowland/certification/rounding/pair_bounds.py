"""A deployed network beside its float network: boxes and lines of both and of their differences, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy import sparse
from torch import nn

from lowland.certification.real_network import RealNetwork
from lowland.certification.rounding.code_bounds import inward, put_node
from lowland.certification.rounding.code_box import box_between
from lowland.certification.rounding.difference_lines import rounded_difference, sum_difference
from lowland.certification.rounding.float_lines import FLOAT_RULES, affine_line, refuse_unknown
from lowland.certification.rounding.integer_graph import IntegerGraph, Rounded, Sum
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.staircase import rounding_lines
from lowland.certification.rounding.symbolic import Box, Line, Symbolic
from lowland.errors import LowlandError
from lowland.quantization.graph.step import INPUTS

Reads = Literal["inputs", "codes"]
"""What the float network is given: the inputs themselves, or what their codes stand for."""

SINGLE = 2.0**-22
"""What float32 may be off in the quotient that the quantizer of the inputs rounds, relative to its size."""


@dataclass(eq=False)
class Pair:
    """Both networks over one box of inputs.

    Attributes:
        graph: The deployed network.
        real: The float network.
        inputs: The box of inputs, flattened.
        reads: What the float network is given.
        symbolic: Boxes and lines: steps by their names, operations by ``float_name``, differences ``difference_name``.
        partners: The operation that computes what a step stands for, by step name; ``inputs`` for the quantizer.
    """

    graph: IntegerGraph
    real: RealNetwork
    inputs: Box
    reads: Reads
    symbolic: Symbolic = field(default_factory=Symbolic)
    partners: dict[str, str] = field(default_factory=dict)

    def scale(self, step: str) -> Vector:
        """Step size of a step's integers, one an element."""
        return self.graph.scales[step]

    @property
    def deviation(self) -> Line:
        """Deployed minus float outputs, straight from both."""
        return self.apart(self.graph.output, self.real.output.name)

    def apart(self, step: str, operation: str) -> Line:
        """A step's integers times their step size, minus an operation's results."""
        scale = self.scale(step)
        one = sparse.eye_array(len(scale), format="csr")
        return Line({step: sparse.diags_array(scale, format="csr"), float_name(operation): -one}, np.zeros(len(scale)))

    def deviation_box(self) -> Box:
        """Both ends of deployed minus float output, one an output."""
        box = self.symbolic.bounds(self.deviation)
        name = difference_name(self.graph.output)
        return box & self.symbolic.boxes[name] if name in self.symbolic.boxes else box


def float_name(operation: str) -> str:
    """What an operation of the float network is called among all results."""
    return f"float {operation}"


def difference_name(step: str) -> str:
    """What the difference of a step from its operation is called."""
    return f"difference {step}"


def pair_bounds(graph: IntegerGraph, real: RealNetwork, lower: torch.Tensor, upper: torch.Tensor, reads: Reads) -> Pair:
    """Boxes and lines of both networks and of their differences (Zhang et al. 2023, "QEBVerif", DRA).

    Differences of neighbouring layers are tied to each other, so that what both networks have in common cancels; what
    they bound narrows the boxes of both networks in turn, before the next layer.

    Args:
        graph: The deployed network.
        real: The float network; operations that bear the name of a step are taken for what it stands for.
        lower: Lower end of the inputs [...].
        upper: Upper end.
        reads: What the float network is given.

    Raises:
        LowlandError: Operations without a rule (all are named), or outputs of another number.
    """
    refuse_unknown(real.operations)
    if len(graph.scales[graph.output]) != int(np.prod(real.output.shape)):
        raise LowlandError(
            f"the deployed network has {len(graph.scales[graph.output])} outputs and the float network "
            f"{int(np.prod(real.output.shape))}; expected the same number"
        )
    pair = Pair(graph, real, Box(*(end.double().flatten().numpy() for end in (lower, upper))), reads)
    _put_inputs(pair, box_between(graph, lower, upper))
    waiting = dict(real.operations)
    shapes = {INPUTS: tuple(lower.shape), **{name: made.shape for name, made in real.operations.items()}}
    names = {name: float_name(name) for name in shapes}

    def compute_until(last: str | None) -> None:
        while waiting and (last is None or last in waiting):
            name, operation = next(iter(waiting.items()))
            del waiting[name]
            FLOAT_RULES[operation.kind](pair.symbolic, names[name], operation, names, shapes)

    for step in graph.nodes:
        put_node(pair.symbolic, step, graph.nodes[step])
        partner = _partner(pair, step)
        if partner is not None:
            compute_until(partner)
            pair.partners[step] = partner
            _put_difference(pair, step, names, shapes)
    compute_until(None)
    return pair


def _put_inputs(pair: Pair, codes: Box) -> None:
    """Inputs, their codes, and how far these are apart."""
    sensor, symbolic = pair.graph.sensor, pair.symbolic
    scale = pair.scale(sensor.name)
    given = float_name(INPUTS)
    if pair.reads == "codes":
        symbolic.put_box(sensor.name, codes)
        symbolic.put_sum(given, Line.diagonal(sensor.name, scale, 0 * scale))
    else:
        symbolic.put_box(given, pair.inputs)
        lines = rounding_lines(
            1 / scale, (pair.inputs.lower, pair.inputs.upper), (codes.lower, codes.upper),
            (sensor.lowest, sensor.highest), SINGLE,
        )  # fmt: skip
        symbolic.put(
            sensor.name,
            Line.diagonal(given, lines.lower_slope, lines.lower_offset),
            Line.diagonal(given, lines.upper_slope, lines.upper_offset),
            codes,
        )
    pair.partners[sensor.name] = INPUTS
    symbolic.put_sum(difference_name(sensor.name), pair.apart(sensor.name, INPUTS))


def _partner(pair: Pair, step: str) -> str | None:
    """The operation that computes what a step stands for, if it is known."""
    node, operation = pair.graph.nodes[step], pair.real.operations.get(step)
    if operation is not None and int(np.prod(operation.shape)) == len(pair.scale(step)):
        return step
    # A quantizer of its own stands for the values that it rounds.
    return pair.partners.get(node.source) if isinstance(node, Rounded) else None


def _put_difference(pair: Pair, step: str, names: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> None:
    """How far a step is from its operation, by that of what it takes; then both their boxes by it."""
    symbolic, partner = pair.symbolic, pair.partners[step]
    apart = pair.apart(step, partner)
    box = symbolic.bounds(apart)
    lines = _difference_lines(pair, step, names, shapes)
    name = difference_name(step)
    if lines is None:
        symbolic.put_sum(name, apart)
    else:
        symbolic.put(name, *lines, box)
    scale, difference = pair.scale(step), symbolic.boxes[name]
    deployed, real = symbolic.boxes[step], symbolic.boxes[float_name(partner)]
    ends = (real.lower + difference.lower) / scale, (real.upper + difference.upper) / scale
    symbolic.narrow(step, inward(Box(*ends)))
    ends = deployed.lower * scale - difference.upper, deployed.upper * scale - difference.lower
    symbolic.narrow(float_name(partner), Box(*ends))


def _difference_lines(
    pair: Pair, step: str, names: dict[str, str], shapes: dict[str, tuple[int, ...]]
) -> tuple[Line, Line] | None:
    node, partner = pair.graph.nodes[step], pair.partners[step]
    if isinstance(node, Sum):
        operation = pair.real.operations[partner]
        sources = {source: pair.partners.get(source) for source in node.parts}
        if operation.kind == "activation" or set(sources.values()) != set(operation.inputs):
            return None
        line = sum_difference(
            node,
            affine_line(operation, names, shapes),
            {source: (float_name(str(given)), difference_name(source)) for source, given in sources.items()},
            {name: pair.scale(name) for name in (step, *sources)},
            pair.scale(step),
        )
        return line, line
    if not isinstance(node, Rounded) or node.source not in pair.partners:
        return None
    before = pair.partners[node.source]
    rectified = False
    if partner != before:
        operation = pair.real.operations[partner]
        if operation.inputs != (before,) or not isinstance(operation.layer, nn.ReLU) or node.staircase.lowest != 0:
            return None
        rectified = True
    boxes = pair.symbolic.boxes
    return rounded_difference(
        node,
        difference_name(node.source),
        (boxes[node.source], boxes[float_name(before)], boxes[difference_name(node.source)]),
        (pair.scale(node.source), pair.scale(step)),
        rectified=rectified,
    )
