"""What rounding of weights and biases, in whatever direction, can do to a float network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.certification.confidence import assigned_classes, deviation_of_margins
from lowland.certification.deviation import METHODS
from lowland.certification.inputs import InputBox
from lowland.certification.margins import margin_bounds
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.real_network import PIECEWISE, RealNetwork
from lowland.certification.relaxation.certified import certified_rows
from lowland.certification.relaxation.deviation_bounds import margin_objectives
from lowland.certification.relaxation.linear_bounds import enclose, smallest
from lowland.certification.sampling import deviations
from lowland.certification.statements.options import ROUNDING
from lowland.certification.statements.rounding_box import box_use, half_steps, half_steps_at
from lowland.certification.statements.statement import Statement, Subject, certified, status_of
from lowland.estimate import Status
from lowland.measurements import Measurement
from lowland.quantization.graph.integer import IntegerNetwork

ARITHMETIC = "real; activations are not rounded"


@dataclass(frozen=True, eq=False)
class Box:
    """A box around a float network's parameters.

    Attributes:
        bits: Width of the grid that it stands for.
        radii: Half a step of each parameter.
        use: How much of it the cell uses; NaN for float cells.
    """

    bits: float
    radii: Mapping[str, Tensor]
    use: float

    @property
    def holds_the_cell(self) -> bool:
        """Whether what is said of the box is said of the cell: a float cell has nothing that could leave it."""
        return not self.use > 1

    def about(self) -> dict[str, Any]:
        """What a sentence must name, jsonable."""
        widest = {name: float(radius.max()) for name, radius in self.radii.items()}
        return {"bits": self.bits, "half_steps": widest, "use": None if self.use != self.use else self.use}


def boxes(subject: Subject, real: RealNetwork) -> list[Box]:
    """The box of a deployed cell, of half its own steps; of a float cell one for each number of bits that is asked.

    Args:
        subject: The cell.
        real: Its float network, folded.
    """
    network = subject.network
    if isinstance(network, IntegerNetwork):
        radii = half_steps(network, real)
        widths = [network.bits[name] for name in radii if name.endswith(".weight")]
        return [Box(max(widths), radii, box_use(network, real))]
    return [Box(bits, half_steps_at(real, bits), float("nan")) for bits in subject.options.bits]


def rounding(subject: Subject) -> Statement:
    """Rows that keep their class whatever way weights and biases are rounded, and what that costs of their margins.

    Args:
        subject: A cell; of a cell that lies outside its box (trained further, corrected) nothing but that is said.
    """
    real = RealNetwork.of(subject.float_model, subject.test)
    found = [part for box in boxes(subject, real) for part in _of_box(subject, real, box)]
    about = [box.about() for box in boxes(subject, real)]
    return Statement(_about(subject, about), found)


def _of_box(subject: Subject, real: RealNetwork, box: Box) -> Iterator[Measurement]:
    where: dict[str, Any] = {"condition": ROUNDING, "level": float(box.bits)}
    if box.use == box.use:
        yield certified("box_use", box.use, split="", **where)
    count = len(subject.test)
    if not box.holds_the_cell:
        for name in ("certified_share", "certified_share_at_most"):
            yield certified(name, float("nan"), rows=0, status="undefined", **where)
        return
    rows = certified_rows(real, subject.test, box.radii, timeout=subject.options.seconds)
    yield certified("certified_share", float(rows.proved.double().mean()), rows=count, **where)
    yield certified("certified_share_at_most", float((~rows.refuted).double().mean()), rows=count, **where)


def confidence(subject: Subject) -> Statement:
    """How far rounding can move confidences, and which part of its margin a row can lose; exact for two classes.

    Args:
        subject: A cell.
    """
    rows = subject.test[: subject.options.deviation_rows]
    real = RealNetwork.of(subject.float_model, subject.test)
    asked = [box for box in boxes(subject, real) if box.holds_the_cell and _is_piecewise(real)]
    found = [part for box in asked for part in _moved(subject, real, box, rows)]
    about = _about(subject, [box.about() for box in asked]) | {"rows": len(rows)}
    return Statement(about, found)


def _moved(subject: Subject, real: RealNetwork, box: Box, rows: Tensor) -> Iterator[Measurement]:
    where: dict[str, Any] = {"condition": ROUNDING, "level": float(box.bits), "rows": len(rows)}
    seconds = subject.options.seconds
    query = Query.of(real, rows, box.radii)
    margins, least, greatest, found, stopped = _margins(query, MethodOptions(seconds))
    moved = deviation_of_margins(margins, least, greatest)
    lost = ((margins - least) / margins).amax(1)
    status: Status = "timeout" if stopped else "ok"
    yield certified("confidence_deviation", float(moved.max()), status=status, **where)
    yield certified("confidence_deviation_mean", float(moved.mean()), status=status, **where)
    yield certified("confidence_deviation_found", found, **where)
    yield certified("margin_loss", float(lost.median()), status=status, **where)


def _margins(query: Query, options: MethodOptions) -> tuple[Tensor, Tensor, Tensor, float, bool]:
    """Margins [rows, others], their least and greatest, the largest change that is reached, and whether time ran out.

    Linear bounds of all rows first, then programmes row by row as long as there is time; members are their solutions.
    """
    outputs = query.network(query.inputs.center)
    objectives = margin_objectives(query, assigned_classes(outputs))
    enclosure = enclose(query, "crown")
    margins = torch.einsum("rjo,ro->rj", objectives, outputs)
    least, greatest = smallest(enclosure, objectives), -smallest(enclosure, -objectives)
    found = 0.0
    for row in range(len(query)):
        if options.seconds_left == 0:
            return margins, least, greatest, found, True
        bounds = margin_bounds(query, row, options)
        least[row], greatest[row] = least[row].maximum(bounds.least), greatest[row].minimum(bounds.greatest)
        with torch.no_grad():
            reached = [float(deviations(query, row, member).abs().max()) for member in bounds.members]
        found = max([found, *reached])
    return margins, least, greatest, found, options.seconds_left == 0


def everywhere(subject: Subject) -> Statement:
    """How far rounding can move a confidence for any input within the range of the test rows.

    Args:
        subject: A cell of a small network; of several widths the most bits are asked.
    """
    real = RealNetwork.of(subject.float_model, subject.test)
    asked = [box for box in boxes(subject, real) if box.holds_the_cell and _is_piecewise(real)]
    region = InputBox(subject.test.amin(0, keepdim=True), subject.test.amax(0, keepdim=True))
    found = []
    for box in sorted(asked, key=lambda box: -box.bits)[:1]:
        query = Query.of(real, region, box.radii)
        bounds = METHODS["milp"](query, MethodOptions(subject.options.global_seconds, tolerance=0.01))
        where: dict[str, Any] = {"condition": ROUNDING, "level": float(box.bits)}
        found.append(certified("global_deviation", bounds.upper, status=status_of(bounds), **where))
        found.append(certified("global_deviation_found", bounds.lower, **where))
    about = _about(subject, [box.about() for box in asked])
    return Statement(about | {"rows": "all inputs within the range of the test rows"}, found)


def _is_piecewise(real: RealNetwork) -> bool:
    """Whether programmes can state the network's activations exactly."""
    kinds = [each for each in real.operations.values() if each.kind == "activation"]
    return all(isinstance(each.layer, PIECEWISE) for each in kinds)


def _about(subject: Subject, boxes_of: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "arithmetic": ARITHMETIC,
        "box": "half a step around every float weight and bias, batch norm folded",
        "boxes": boxes_of,
        "rows": len(subject.test),
        "ties": "lowest index",
    }
