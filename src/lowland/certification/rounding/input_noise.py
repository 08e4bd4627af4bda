"""Whether an integer network's answer can change under input noise of a radius, in its own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from lowland.certification.bounds import Bounds
from lowland.certification.programme import Programme
from lowland.certification.rounding.answer import integer_answers, margin_to_change, output_weights
from lowland.certification.rounding.code_bounds import code_bounds
from lowland.certification.rounding.code_box import Unit, box_around, inputs_of
from lowland.certification.rounding.code_rows import put_network
from lowland.certification.rounding.code_search import climb, starts
from lowland.certification.rounding.integer_graph import IntegerGraph, Rounded
from lowland.certification.rounding.linear_parts import sparse_row
from lowland.certification.rounding.symbolic import Box, Line, Symbolic
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import generator

Verdict = Literal["proved", "refuted", "open"]
Way = Literal["bounds", "search", "programme"]


@dataclass(frozen=True, eq=False)
class NoiseAnswer:
    """What is known of a row's answer under noise.

    Attributes:
        verdict: ``proved``: no input within the radius has another answer. ``refuted``: ``witness`` has one, by
            ``forward_integer``. ``open``: neither, in the time that was given.
        answer: Index of the row's highest output; of equal ones the lowest.
        witness: An input [...] within the radius whose answer is another; ``None`` unless refuted.
        way: What decided.
    """

    verdict: Verdict
    answer: int
    witness: Tensor | None
    way: Way


def answer_under_noise(
    network: IntegerNetwork, row: Tensor, radius: float, *, unit: Unit = "codes", timeout: float | None = None
) -> NoiseAnswer:
    """Whether the highest output stays for all inputs within a radius of a row, in the largest difference of an input.

    Bounds first, then a search for an input that changes the answer, then a mixed-integer programme in which the codes
    are whole numbers: the question of Zhang et al., "QVIP: an ILP-based formal verification approach for quantized
    neural networks" (ASE 2022), for requantization by fixed-point numbers and ties to even.

    Args:
        network: A classifier; its inputs' quantizer clamps noise at the ends of its range.
        row: Input [...].
        radius: In steps of the input's quantizer, or in the inputs' unit.
        unit: Which.
        timeout: Seconds for all of it; ``None``: until it is decided.

    Raises:
        LowlandError: Steps that cannot be enclosed (all are named), a radius that is negative, or one output alone.
    """
    question = Question(network, row)
    return question.at(box_around(question.graph, row, radius, unit), _deadline(timeout))


def certified_radius(
    network: IntegerNetwork, row: Tensor, *, most: int | None = None, timeout: float | None = None
) -> Bounds:
    """The largest radius, in steps of the input's quantizer, at which a row's answer cannot change, by bisection.

    Args:
        network: A classifier.
        row: Input [...].
        most: The largest radius of interest; ``None``: the whole range of the quantizer.
        timeout: Seconds for all of it.

    Returns:
        ``lower``: the largest radius that is proved; ``upper``: one less than the smallest that is refuted, or ``most``
        if none is. ``exact`` where they meet, ``timeout`` elsewhere.

    Raises:
        LowlandError: As ``answer_under_noise``.
    """
    question, deadline = Question(network, row), _deadline(timeout)
    sensor = question.graph.sensor
    proved, refuted = 0, 1 + (sensor.highest - sensor.lowest if most is None else most)
    for way in ("bounds", "search", "programme"):
        until = monotonic() + (deadline - monotonic()) / 3 if way == "search" else deadline
        proved, refuted = _narrowed(question, way, (proved, refuted), until)
    return Bounds(proved, refuted - 1, "exact" if refuted - proved == 1 else "timeout")


def _narrowed(question: Question, way: Way, radii: tuple[int, int], deadline: float) -> tuple[int, int]:
    """The largest radius that is proved and the smallest that is refuted, by one way of finding out.

    What bounds leave open at a radius they leave open at every larger one, a search what it does at every smaller one.
    Programmes are fastest near what is proved: they climb from there, in strides that double.
    """
    proved, refuted = radii
    low, high, stride = proved, refuted, 1
    while high - low > 1 and (left := deadline - monotonic()) > 0:
        middle = (low + high) // 2
        radius = min(low + stride, middle) if way == "programme" else middle
        until = monotonic() + left / 2 if way == "programme" and radius > low + 1 else deadline
        found = question.by(way, box_around(question.graph, question.row, radius, "codes"), until)
        if found.verdict == "proved":
            low = proved = radius
            stride *= 2
        elif found.verdict == "refuted":
            refuted = min(radius, question.distance(found.witness))
            high = min(high, refuted)
            low = min(low, high - 1)
        elif way == "search":
            low = radius
        else:
            high, stride = radius, 1
    return proved, refuted


class Question:
    """A row's answer in the arithmetic of its network."""

    def __init__(self, network: IntegerNetwork, row: Tensor) -> None:
        self.network, self.row = network, row.detach().float()
        self.graph = IntegerGraph(network, self.row)
        self.weights = output_weights(self.graph)
        if len(self.weights) < 2:
            raise LowlandError("the network has one output; expected two or more, of which the highest is the answer")
        self.answer = int(integer_answers(network, self.row[None])[0])
        self.codes = self.graph.codes(self.row[None])[0]

    @cached_property
    def differentiable(self) -> nn.Module:
        """The network with derivatives straight through its roundings, of outputs before they are rounded themselves.

        Outputs at the end of their codes would have none.
        """
        steps: list[Any] = list(self.network.steps.values())
        rounds = isinstance(self.graph.nodes[self.graph.output], Rounded)
        return IntegerNetwork(steps[:-1] if rounds else steps).dequantized()

    def at(self, box: Box, deadline: float) -> NoiseAnswer:
        """The answer over a box of codes, by the cheapest way that decides it."""
        for way in ("bounds", "search", "programme"):
            found = self.by(way, box, deadline)
            if found.verdict != "open":
                break
        return found

    def by(self, way: Way, box: Box, deadline: float) -> NoiseAnswer:
        """The answer over a box of codes by one way."""
        bounds = code_bounds(self.graph, box)
        others = self._possible(bounds)
        if not others:
            return NoiseAnswer("proved", self.answer, None, "bounds")
        if way == "search":
            return self._searched(others, box)
        return self._solved(others, bounds, deadline) if way == "programme" else self._told("open", "bounds")

    def distance(self, witness: Tensor | None) -> int:
        """How far the codes of an input are from the row's."""
        assert witness is not None  # asked of refuted answers alone
        return int(np.abs(self.graph.codes(witness[None])[0] - self.codes).max())

    def _told(self, verdict: Verdict, way: Way, witness: Tensor | None = None) -> NoiseAnswer:
        return NoiseAnswer(verdict, self.answer, witness, way)

    def _margin(self, other: int) -> Line:
        """Another output minus the answer's."""
        factors = {other: self.weights[other], self.answer: -self.weights[self.answer]}
        return Line({self.graph.output: sparse_row(factors, len(self.weights))}, np.zeros(1))

    def _possible(self, bounds: Symbolic) -> list[int]:
        """Outputs of which bounds do not show that they stay below the answer's, the nearest first."""
        highest = {
            other: float(bounds.highest(self._margin(other))[0])
            for other in range(len(self.weights))
            if other != self.answer
        }
        needed = {other: margin_to_change(self.answer, other, self.weights) for other in highest}
        possible = [other for other in highest if highest[other] >= needed[other]]
        return sorted(possible, key=lambda other: needed[other] - highest[other])

    def _searched(self, others: list[int], box: Box) -> NoiseAnswer:
        weights = torch.from_numpy(self.weights)
        for other in others:

            def margin(codes: Tensor, other: int = other) -> Tensor:
                outputs = self.network.forward_integer(inputs_of(self.graph, codes, self.row)).flatten(1) * weights
                return outputs[:, other] - outputs[:, self.answer]

            def slope(codes: Tensor, other: int = other) -> Tensor:
                outputs: Tensor = self.differentiable(inputs_of(self.graph, codes, self.row)).flatten(1)
                return outputs[:, other] - outputs[:, self.answer]

            first = starts(box, torch.from_numpy(self.codes), generator("answer under noise", other))
            codes, _ = climb(margin, slope, box, first)
            if (witness := self._changing(codes)) is not None:
                return self._told("refuted", "search", witness)
        return self._told("open", "search")

    def _solved(self, others: list[int], bounds: Symbolic, deadline: float) -> NoiseAnswer:
        closed = True
        for place, other in enumerate(others):
            if (left := deadline - monotonic()) <= 0:
                return self._told("open", "programme")
            programme = Programme()
            variables = put_network(programme, self.graph, bounds)
            pair, unit = variables[self.graph.output].at(np.array([other, self.answer]))
            factors = np.array([self.weights[other], -self.weights[self.answer]]) * unit
            needed = np.array([margin_to_change(self.answer, other, self.weights)])
            programme.add_rows([(pair[[0]], factors[[0]]), (pair[[1]], factors[[1]])], needed, None)
            share = None if left == float("inf") else left / (len(others) - place)
            solution = programme.largest(pair, factors, timeout=share)
            if solution.values is not None:
                codes = torch.from_numpy(solution.values[variables[self.graph.sensor.name].places].round())
                if (witness := self._changing(codes.float())) is not None:
                    return self._told("refuted", "programme", witness)
            closed &= solution.outcome == "infeasible" or solution.bound < needed[0]
        return self._told("proved" if closed else "open", "programme")

    def _changing(self, codes: Tensor) -> Tensor | None:
        """The input of these codes, if the network really answers otherwise."""
        witness = inputs_of(self.graph, codes[None], self.row)
        return witness[0] if int(integer_answers(self.network, witness)[0]) != self.answer else None


def _deadline(timeout: float | None) -> float:
    return float("inf") if timeout is None else monotonic() + timeout
