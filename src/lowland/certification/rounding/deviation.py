"""How far a deployed network can be from its float network over a region of inputs, roundings included."""

from __future__ import annotations

from time import monotonic

import numpy as np
import torch
from torch import nn

from lowland.certification.bounds import Bounds, Status
from lowland.certification.inputs import InputBox
from lowland.certification.real_network import RealNetwork
from lowland.certification.rounding.code_cells import MOST_CELLS, Side, by_cells, sides
from lowland.certification.rounding.deviation_search import Deviations, searched
from lowland.certification.rounding.integer_graph import IntegerGraph
from lowland.certification.rounding.pair_bounds import Pair, Reads, pair_bounds
from lowland.certification.rounding.pair_rows import PairRows, dual_slack, pair_rows
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork

MOST_TRIED = 2**18
"""So many input codes at most are all tried, where the float network is given what they stand for."""

_ARITHMETIC = 1e-7
"""Relative: what a deviation that was computed in float64 may be off."""


def deployed_deviation(
    network: IntegerNetwork,
    float_model: nn.Module | RealNetwork,
    input_box: InputBox,
    *,
    output: int | None = None,
    timeout: float | None = None,
    tolerance: float = 1e-3,
) -> Bounds:
    """The largest |deployed output - float output| over boxes of inputs, with the roundings of the deployed arithmetic.

    The deployed output is that of ``forward_integer`` times its step size, the float output that of the float network
    in real arithmetic. First bounds on the differences layer by layer, then a search, then a mixed-integer programme of
    both networks in which codes are whole numbers: ties to even are encoded exactly where a solver can tell the codes
    apart, and enclosed elsewhere. Where the box has few input codes, bounds of the float network over the inputs of
    each follow. The upper bound always holds; the lower one is reached by an input on which both networks were run
    (Zhang et al., "QEBVerif: quantization error bound verification of neural networks", CAV 2023).

    Args:
        network: What is deployed; its quantizer of the inputs is part of it.
        float_model: What it stands for; operations that bear the name of a step are taken for its counterpart.
        input_box: One or more boxes of inputs.
        output: Index of the output (of flattened ones); ``None``: the largest deviation of all.
        timeout: Seconds for programmes and cells, of all boxes together; 0: bounds and search alone; ``None``: none.
        tolerance: Share of the upper bound within which both sides are ``exact``.

    Returns:
        What was found and what is proved, in the outputs' unit.

    Raises:
        LowlandError: Steps or operations without a rule (all are named), networks with other numbers of outputs, an
            output that does not exist, or a timeout or tolerance that cannot be.
    """
    return _largest((network, float_model), input_box, "inputs", output, (timeout, tolerance))


def deviation_on_codes(
    network: IntegerNetwork,
    float_model: nn.Module | RealNetwork,
    input_box: InputBox,
    *,
    output: int | None = None,
    timeout: float | None = None,
    tolerance: float = 1e-3,
) -> Bounds:
    """``deployed_deviation`` where the float network is given what the codes of the inputs stand for.

    What the inputs' quantizer rounds away does not count, as if the sensor gave codes alone. Where the boxes have few
    codes, all of them are tried.
    """
    return _largest((network, float_model), input_box, "codes", output, (timeout, tolerance))


def _largest(
    networks: tuple[IntegerNetwork, nn.Module | RealNetwork],
    input_box: InputBox,
    reads: Reads,
    output: int | None,
    limits: tuple[float | None, float],
) -> Bounds:
    (network, float_model), (timeout, tolerance) = networks, limits
    if not 0 < tolerance < 1 or (timeout is not None and timeout < 0):
        raise LowlandError(
            f"tolerance is {tolerance} and timeout {timeout}; expected a share above 0 and below 1, and seconds or None"
        )
    graph = IntegerGraph(network, input_box.lower[0])
    real = RealNetwork.of(float_model, input_box.lower.float())
    count = len(graph.scales[graph.output])
    if output is not None and not 0 <= output < count:
        raise LowlandError(f"output is {output}; expected 0 to {count - 1}")
    outputs = list(range(count)) if output is None else [output]
    deadline = float("inf") if timeout is None else monotonic() + timeout
    found = [
        _of_box(pair_bounds(graph, real, lower, upper, reads), outputs, deadline, tolerance)
        for lower, upper in zip(input_box.lower, input_box.upper, strict=True)
    ]
    lower, upper = max(bounds.lower for bounds in found), max(bounds.upper for bounds in found)
    status: Status = "relaxed"
    if upper - lower <= tolerance * upper:
        status = "exact"
    elif any(bounds.status == "timeout" for bounds in found):
        status = "timeout"
    return Bounds(lower, upper, status)


def _of_box(pair: Pair, outputs: list[int], deadline: float, tolerance: float) -> Bounds:
    deviations = Deviations(pair)
    if pair.reads == "codes" and deviations.num_codes <= MOST_TRIED:
        largest = float(deviations(deviations.every_code())[:, outputs].abs().max())
        return Bounds(largest, largest * (1 + 1e-9), "exact")
    proved, lower = sides(pair, outputs), searched(deviations, outputs)

    def enough(bound: float, reached: float = 0.0) -> bool:
        return bound - max(lower, reached) <= tolerance * bound

    has_cells = pair.reads == "inputs" and deviations.num_codes <= MOST_CELLS and deadline < float("inf")
    until = monotonic() + (deadline - monotonic()) / 8 if has_cells else deadline
    rows: PairRows | None = None
    timed_out = False
    descending = sorted(proved.items(), key=lambda item: -item[1])
    for index, (side, bound) in enumerate(descending):
        if enough(bound):
            break
        if (left := until - monotonic()) <= 0:
            timed_out = True
            break
        rows = rows or pair_rows(pair)
        share = None if left == float("inf") else left / sum(not enough(value) for _, value in descending[index:])
        highest, reached, stopped = _solved(rows, deviations, side, share)
        timed_out |= stopped
        lower = max(lower, reached)
        proved[side] = min(bound, highest)
    if timed_out and has_cells and monotonic() < deadline:
        proved, reached = by_cells(deviations, proved, enough, deadline)
        lower = max(lower, reached)
    upper = max(proved.values())
    if lower <= upper * (1 + _ARITHMETIC):  # beyond that a bound is unsound, which Bounds refuses
        upper = max(lower, upper)
    return Bounds(lower, upper, "exact" if enough(upper) else "timeout" if timed_out else "relaxed")


def _solved(rows: PairRows, deviations: Deviations, side: Side, timeout: float | None) -> tuple[float, float, bool]:
    """What one side of one output's deviation cannot exceed, what an input reaches, and whether time ran out.

    A row that the solver violates only admits more: its tolerance for rows cannot hide a larger deviation. That for
    reduced costs can, and is added.

    Args:
        rows: The programme.
        deviations: Of both networks.
        side: Index of the output, and the sign.
        timeout: Seconds.
    """
    place, sign = side
    size = float(deviations.pair.deviation_box().width[place])
    scale = deviations.pair.scale(deviations.pair.graph.output)[place] * rows.outputs.unit[place]
    variables = np.array([rows.outputs.places[place], rows.floats[place]])
    solution = rows.programme.largest(variables, np.array([sign * scale, -sign]) / size, timeout=timeout)
    reached = 0.0
    if solution.values is not None:
        inputs, codes = (torch.from_numpy(solution.values[columns]) for columns in (rows.inputs, rows.codes))
        points = deviations.inside(inputs, codes.round())
        reached = float(deviations(points)[:, place].abs().max())
    bound = (solution.bound + dual_slack(rows.programme)) * size if solution.outcome != "infeasible" else float("inf")
    return bound, reached, solution.outcome == "timeout"
