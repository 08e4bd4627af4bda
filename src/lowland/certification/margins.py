"""The margins of the assigned class over a box, by mixed-integer linear programmes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.checker import check_proof
from lowland.certification.confidence import CLEAR, assigned_classes, contrasts, num_outputs, wins_ties
from lowland.certification.disturbances import (
    Disturbances,
    disturbed_outputs,
    exact_outputs,
    undisturbed,
    without_roundings,
)
from lowland.certification.encoding.encode import Encoded, Encoder, encoded_row
from lowland.certification.encoding.rows import Rows, rows_of
from lowland.certification.encoding.scalar_network import Numbers
from lowland.certification.encoding.slack import solver_slack
from lowland.certification.encoding.substitution import substituted_ends
from lowland.certification.options import MethodOptions
from lowland.certification.programme import DUAL_FEASIBILITY, FEASIBILITY, TIGHT, has_highspy
from lowland.certification.proof import prove_at_most
from lowland.certification.query import Query
from lowland.certification.real_network import Rounding
from lowland.certification.row_proofs import LEAST_MARGIN

Answer = Literal["certain", "changes", "unknown", "timeout"]
"""``certain``: no member of the box changes the assigned class. ``changes``: one that does is known. ``unknown``: the
smallest margin lies within what the solver's tolerances blur, and no proof in rational numbers is found."""


@dataclass(frozen=True, eq=False)
class MarginBounds:
    """The margins of one row's assigned class over every other class, over its box.

    Attributes:
        assigned: The class of the row (of the middle of its box).
        undisturbed: Margins there [others].
        least: No margin is smaller [others]: proved.
        greatest: None is greater: proved.
        members: Members of the box that solutions stand for; they are evaluated before anything is said of them.
        exact: Whether the programme takes the network's values and no others.
        timed_out: Whether a programme was stopped by the timeout.
    """

    assigned: int
    undisturbed: Tensor
    least: Tensor
    greatest: Tensor
    members: tuple[Disturbances, ...]
    exact: bool
    timed_out: bool


def assigned_class(query: Query, row: int) -> tuple[int, Tensor]:
    """The class of a row (of the middle of its box) and its margins over the others [others].

    Args:
        query: The question.
        row: Which of its rows.
    """
    outputs = without_roundings(query.network)(query.inputs.center[row : row + 1])
    assigned = int(assigned_classes(outputs))
    return assigned, contrasts(num_outputs(query.network), assigned) @ outputs[0]


def margin_bounds(
    query: Query, row: int, options: MethodOptions, *, encoder: Encoder | None = None, least_only: bool = False
) -> MarginBounds:
    """Margins of a row's assigned class over its box, each by a programme from below and one from above.

    Args:
        query: The question.
        row: Which of its rows.
        options: Until when.
        encoder: Of this question, where several rows are asked for.
        least_only: Whether the greatest margins are not asked for; they are then those of the outputs' ends.

    Raises:
        LowlandError: Outputs that are no classes, or an activation that is not made of linear pieces.
    """
    outputs = num_outputs(query.network)
    assigned, margins = assigned_class(query, row)
    encoded = encoded_row(query, row, encoder)
    programme = EncodedProgramme(encoded)
    ends: list[list[float]] = [[], []]
    members: list[Disturbances] = []
    timed_out = False
    for factors in contrasts(outputs, assigned).numpy():
        for end, sign in zip(ends, (-1.0, 1.0), strict=True):
            if least_only and sign > 0:
                end.append(programme.interval(factors))
                continue
            bound, values, stopped = programme.largest(sign * factors, options.seconds_left)
            end.append(sign * bound)
            timed_out |= stopped
            if values is not None:
                members.append(member_of(query, encoded, values))
    least, greatest = (torch.tensor(end, dtype=torch.float64) for end in ends)
    return MarginBounds(assigned, margins, least, greatest, tuple(members), encoded.exact, timed_out)


def answer_of(query: Query, row: int, options: MethodOptions, *, encoder: Encoder | None = None) -> Answer:
    """Whether the assigned class of a row is the same everywhere in its box: exact for each pair of classes.

    Ties go to the lowest class.

    Args:
        query: The question.
        row: Which of its rows.
        options: Until when.
        encoder: Of this question, where several rows are asked for.
    """
    bounds = margin_bounds(query, row, options, encoder=encoder, least_only=True)
    ties = wins_ties(num_outputs(query.network), bounds.assigned)
    if bool(torch.where(ties, bounds.least >= 0, bounds.least > 0).all()):
        return "certain"
    for member in bounds.members:
        if _changes(query, row, member, bounds.assigned):
            return "changes"
    if bounds.timed_out:
        return "timeout"
    opened = torch.where(ties, bounds.least < 0, bounds.least <= 0).nonzero()[:, 0].tolist()
    encoded = encoded_row(query, row, encoder)
    factors = contrasts(num_outputs(query.network), bounds.assigned).numpy()
    proofs = (_certain_beyond_tolerances(encoded, factors[pair], bool(ties[pair]), options) for pair in opened)
    return "certain" if all(proofs) else "unknown"


def _changes(query: Query, row: int, member: Disturbances, assigned: int) -> bool:
    """Whether a member has another class: in rational numbers where float64 shows one that is hardly ahead."""
    outputs = disturbed_outputs(query, row, member)
    if int(assigned_classes(outputs)) == assigned:
        return False
    margins = contrasts(outputs.shape[1], assigned) @ outputs[0]
    if float(margins.min()) < -CLEAR * (1.0 + float(outputs.abs().max())):
        return True
    exact = exact_outputs(query, row, member)
    logits = [Fraction(0), *exact] if len(exact) == 1 else exact
    return logits.index(max(logits)) != assigned


def _certain_beyond_tolerances(encoded: Encoded, factors: Numbers, tie: bool, options: MethodOptions) -> bool:
    """Whether a margin is proved with tighter tolerances, or else in rational numbers."""
    if has_highspy():
        bound, _, _ = EncodedProgramme(encoded).largest(-factors, options.seconds_left, tight=True)
        if bound < 0 or (tie and bound == 0):
            return True
    claim = 0.0 if tie else -LEAST_MARGIN
    proof = prove_at_most(encoded.network, encoded.outputs, -factors, claim, timeout=options.seconds_left)
    if proof is None:
        return False
    check_proof(proof.stored)
    return True


class EncodedProgramme:
    """The programme of an encoded row, for many sums of its outputs.

    Args:
        encoded: The row.
    """

    def __init__(self, encoded: Encoded) -> None:
        self.encoded = encoded
        ends = substituted_ends(encoded.network)
        self.lower, self.upper = ends.lower, ends.upper
        self.rows: Rows = rows_of(encoded.network, ends.lower, ends.upper, ends.tops)

    def interval(self, factors: Numbers) -> float:
        """The largest value of a sum of outputs by the ends of each.

        Args:
            factors: Of each output.
        """
        places = self.encoded.outputs
        return float(np.maximum(factors * self.lower[places], factors * self.upper[places]).sum())

    def largest(
        self, factors: Numbers, timeout: float | None, *, tight: bool = False
    ) -> tuple[float, Numbers | None, bool]:
        """What a sum of outputs cannot exceed, all values where it is near that, and whether time ran out.

        Args:
            factors: Of each output.
            timeout: Seconds.
            tight: Whether to solve by ``highspy`` with tolerances of 1e-9.
        """
        encoded = self.encoded
        columns = self.rows.columns[encoded.outputs]
        bound = self.interval(factors)
        solution = self.rows.programme.largest(columns, factors, timeout=timeout, tight=tight)
        if solution.outcome != "infeasible":  # a box is never empty
            tolerances = (TIGHT, TIGHT) if tight else (FEASIBILITY, DUAL_FEASIBILITY)
            slack = solver_slack(encoded.network, self.lower, self.upper, encoded.outputs, factors, tolerances)
            bound = min(bound, solution.bound + slack)
        values = solution.values
        reached = None if values is None else values[self.rows.columns[: len(self.lower)]]
        return bound, reached, solution.outcome == "timeout"


def member_of(query: Query, encoded: Encoded, values: Numbers) -> Disturbances:
    """The member of the box that a solution stands for; with shared weights the nearest one.

    Args:
        query: The question.
        encoded: Its row.
        values: Of the scalar network.
    """
    member = undisturbed(query)
    numbers = torch.from_numpy(values)
    shape = query.inputs.lower.shape[1:]

    def of(name: str) -> Tensor:
        places = torch.from_numpy(encoded.places[name])
        operation = query.network.operations.get(name)
        return numbers[places].reshape(1, *(shape if operation is None else operation.shape))

    relus = {operation.inputs[0]: name for name, operation in query.network.operations.items()}

    inputs = of("inputs")
    low, high = (torch.from_numpy(end[encoded.places["inputs"]]).reshape(inputs.shape) for end in _ends(encoded))
    member.inputs.copy_(torch.where(high > low, 2 * (inputs - low) / (high - low).clamp(min=1e-300) - 1, 0.0))
    for operation in query.network.operations.values():
        names = [name for name in operation.parameters if f"{operation.name}.{name}" in query.box.radii]
        if not names and operation.kind != "rounding":
            continue
        operands = [of(name) for name in operation.inputs]
        if operation.name in encoded.places:
            result = of(operation.name)
        else:  # its positive part alone is known; where that is 0, any small enough result will do
            result = of(relus[operation.name])
            result = torch.where(result > 0, result, -torch.inf)
        if isinstance(operation.layer, Rounding):
            moved = (result - operation.layer(operands[0])) / operation.layer.half_step
            member.roundings[operation.name].copy_(moved.clamp(-1, 1))
            continue
        if operation.owner:
            continue  # moves as for its first operation
        radii = {name: query.box.radii[f"{operation.name}.{name}"] for name in names}
        if any(f"{operation.name}.{name}" in encoded.deltas for name in names):
            for name in names:
                places = encoded.deltas.get(full := f"{operation.name}.{name}")
                if places is not None:
                    free = radii[name].flatten() > 0
                    share = member.parameters[full][0].reshape(-1)
                    share[free] = (numbers[torch.from_numpy(places)] / radii[name].flatten()[free]).clamp(-1, 1)
            continue
        still = {name: torch.zeros_like(tensor) for name, tensor in operation.parameters.items()}
        reach = functional_call(operation.layer, still | radii, (operands[0].abs(),))
        share = ((result - operation.layer(*operands)) / torch.where(reach > 0, reach, 1.0)).clamp(-1, 1)
        # d/dw of sum_r share_r z_r at inputs sign(u) is share_r sign(u) for the one result that w acts in.
        leaves = {name: torch.zeros_like(radii[name]).requires_grad_(True) for name in names}
        pull = (share * functional_call(operation.layer, still | leaves, (operands[0].sign(),))).sum()
        for name, gradient in zip(names, torch.autograd.grad(pull, list(leaves.values())), strict=True):
            member.parameters[f"{operation.name}.{name}"].copy_(gradient.clamp(-1, 1)[None])
    return member


def _ends(encoded: Encoded) -> tuple[Numbers, Numbers]:
    return encoded.network.lower, encoded.network.upper
