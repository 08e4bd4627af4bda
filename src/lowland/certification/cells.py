"""The largest deviation over a box of inputs as well: the network beside a copy of it whose weights move."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from lowland.certification.bounds import Bounds
from lowland.certification.confidence import CONFIDENCE_ERROR, num_outputs
from lowland.certification.disturbances import without_roundings
from lowland.certification.encoding.differences import difference_ranges
from lowland.certification.encoding.encode import Encoded, Encoder
from lowland.certification.encoding.rows import Rows, rows_of
from lowland.certification.encoding.scalar_network import Numbers, Places, ScalarNetwork
from lowland.certification.encoding.slack import solver_slack
from lowland.certification.encoding.substitution import substituted_ends
from lowland.certification.margins import member_of
from lowland.certification.options import MethodOptions
from lowland.certification.programme import Solution
from lowland.certification.query import Query
from lowland.certification.sampling import best_disturbance, deviations
from lowland.certification.weight_box import WeightBox


def largest_step(shift: float, lower: float, upper: float = math.inf) -> float:
    """No less than any sigmoid(z + shift) - sigmoid(z) for z between two ends: highest at z = -shift / 2.

    Args:
        shift: At least 0.
        lower: The lower end.
        upper: The upper end.
    """
    logit = min(max(-shift / 2, lower), upper)
    steps = torch.tensor([logit + shift, logit], dtype=torch.float64).sigmoid()
    return float(steps[0] - steps[1]) + CONFIDENCE_ERROR


def bracketed(query: Query, row: int, options: MethodOptions) -> Bounds:
    """The largest deviation over one box of inputs: exact for two classes, by cells of the undisturbed logit.

    Within a cell the largest difference of the logits bounds the deviation; the cell with the highest bound is halved
    until it is within the tolerance of what a witness reaches.

    Args:
        query: The question.
        row: Which of its boxes.
        options: Until when, and how close.

    Raises:
        LowlandError: Outputs that are no classes, or an activation that is not made of linear pieces.
    """
    joint = JointProgramme(query, row)
    lower, _ = best_disturbance(query, row, options)
    if num_outputs(query.network) > 2:
        upper, timed_out = _of_many(joint, options)
        return Bounds.of(lower, upper, "timeout" if timed_out else "relaxed")
    undisturbed, disturbed = joint.logits
    ends = (float(joint.network.lower[undisturbed]), float(joint.network.upper[undisturbed]))
    numbers = itertools.count()
    # Highest bound first: (-bound, number, cell, sign of the difference, difference, whether it is the cell's own).
    cells: list[tuple[float, int, tuple[float, float], float, float, bool]] = []

    def push(cell: tuple[float, float], sign: float, shift: float, own: bool) -> None:
        mirrored = cell if sign > 0 else (-cell[1], -cell[0])
        bound = largest_step(max(shift, 0.0), *mirrored) if shift > -math.inf else 0.0
        heapq.heappush(cells, (-bound, next(numbers), cell, sign, shift, own))

    for sign in (1.0, -1.0):
        push(ends, sign, joint.interval(np.array([disturbed, undisturbed]), sign * np.array([1.0, -1.0])), False)
    timed_out = False
    while -cells[0][0] > lower + options.tolerance and not timed_out:
        _, _, cell, sign, shift, own = heapq.heappop(cells)
        if own and cell[1] - cell[0] < 1e-9:  # the solver's tolerances are all that is left
            push(cell, sign, shift, True)
            break
        for part in _halves(cell) if own else [cell]:
            found = joint.largest(np.array([disturbed, undisturbed]), sign * np.array([1.0, -1.0]), part, options)
            push(part, sign, min(shift, found.bound), True)
            timed_out |= found.outcome == "timeout"
            if found.values is not None:
                member = member_of(query, joint.moving, found.values)
                with torch.no_grad():
                    lower = max(lower, float(deviations(query, row, member).abs()))
    upper = -cells[0][0]
    if joint.moving.exact and upper - lower <= options.tolerance:
        return Bounds.of(lower, upper, "exact")
    return Bounds.of(lower, upper, "timeout" if timed_out else "relaxed")


@dataclass(frozen=True, eq=False)
class _Found:
    bound: float
    values: Numbers | None
    outcome: str


class JointProgramme:
    """A float network and a copy whose weights move, on the same inputs.

    Args:
        query: The question.
        row: Which of its boxes of inputs.
    """

    def __init__(self, query: Query, row: int) -> None:
        network = self.network = ScalarNetwork()
        low, high = query.inputs.lower[row].numpy(), query.inputs.upper[row].numpy()
        inputs = network.add_inputs(low.ravel(), high.ravel())
        still = without_roundings(query.network)
        self.still: Encoded = Encoder(still, WeightBox({})).joined(network, inputs, low.shape)
        encoder = Encoder.of(query)
        self.moving: Encoded = encoder.joined(network, inputs, low.shape)
        self.logits: tuple[int, int] = (0, 0)
        if num_outputs(query.network) <= 2:
            self.logits = self._logit(self.still.outputs), self._logit(self.moving.outputs)
        ends = substituted_ends(network)
        network.lower, network.upper = ends.lower, ends.upper
        self.rows: Rows = rows_of(network, ends.lower, ends.upper, ends.tops)
        linear = {each.name for each in query.network.operations.values() if each.kind in ("weighted", "linear")}
        # Layers whose inputs are fixed have no matrices; without these rows bounds are sound, if wider.
        known = linear <= encoder.matrices.keys()
        apart = difference_ranges(query.network, self.moving, encoder.matrices) if known else {}
        for name in still.operations:
            if name in apart and name in self.moving.places and name in self.still.places:
                least, greatest = apart[name]
                columns = self.rows.columns[self.moving.places[name]], self.rows.columns[self.still.places[name]]
                one, room = np.ones(len(least)), 1e-9 * (1.0 + np.abs(least) + np.abs(greatest))
                self.rows.programme.add_rows([(columns[0], one), (columns[1], -one)], least - room, greatest + room)

    def _logit(self, outputs: Places) -> int:
        factors = np.ones((1, 1)) if len(outputs) == 1 else np.array([[-1.0, 1.0]])
        return int(self.network.add_sums(outputs, factors)[0])

    def interval(self, places: Places, factors: Numbers) -> float:
        """The largest value of a sum by interval arithmetic.

        Args:
            places: Of the values that are summed.
            factors: Of each.
        """
        low, high = self.network.lower[places], self.network.upper[places]
        return float(np.maximum(factors * low, factors * high).sum())

    def largest(
        self, places: Places, factors: Numbers, cell: tuple[float, float] | None, options: MethodOptions
    ) -> _Found:
        """What a sum cannot exceed while the undisturbed logit is in a cell; minus infinity where it never is.

        Args:
            places: Of the values that are summed.
            factors: Of each.
            cell: Both ends, or ``None``: anywhere.
            options: Until when.
        """
        network, columns = self.network, self.rows.columns
        within = None
        if cell is not None:
            logit = np.array([self.logits[0]])
            room = self._slack(logit, np.ones(1))  # a cell may not look empty by the solver's tolerances
            within = (columns[logit], np.array([cell[0] - room]), np.array([cell[1] + room]))
        solution: Solution = self.rows.programme.largest(
            columns[places], factors, timeout=options.seconds_left, within=within
        )
        bound = min(self.interval(places, factors), solution.bound + self._slack(places, factors))
        values = None if solution.values is None else solution.values[columns[: len(network.lower)]]
        return _Found(bound, values, solution.outcome)

    def _slack(self, places: Places, factors: Numbers) -> float:
        return solver_slack(self.network, self.network.lower, self.network.upper, places, factors)


def _halves(cell: tuple[float, float]) -> list[tuple[float, float]]:
    middle = (cell[0] + cell[1]) / 2
    return [(cell[0], middle), (middle, cell[1])]


def _of_many(joint: JointProgramme, options: MethodOptions) -> tuple[float, bool]:
    """A bound for more than two classes, and whether time ran out.

    The logit of a confidence is minus the log-sum-exp of negative margins: it moves no further than the margin that
    moves most, and an assigned class has a confidence of at least 1 / classes.
    """
    classes = len(joint.moving.outputs)
    timed_out, upper = False, 0.0
    shifts = np.zeros((classes, classes))
    for one, other in itertools.permutations(range(classes), 2):
        moving, still = joint.moving.outputs[[one, other]], joint.still.outputs[[one, other]]
        found = joint.largest(np.concatenate([moving, still]), np.array([1.0, -1.0, -1.0, 1.0]), None, options)
        shifts[one, other] = max(found.bound, 0.0)
        timed_out |= found.outcome == "timeout"
    least = -math.log(classes - 1)
    for assigned in range(classes):
        upper = max(upper, largest_step(float(shifts[assigned].max()), least))
        fall = float(shifts[:, assigned].max())
        upper = max(upper, largest_step(fall, least - fall))
    return upper, timed_out
