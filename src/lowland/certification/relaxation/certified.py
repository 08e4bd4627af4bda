"""Which rows keep their class for every network of a box: bounds first, then branching, then programmes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from lowland.certification.confidence import assigned_classes, num_outputs, wins_ties
from lowland.certification.disturbances import without_roundings
from lowland.certification.encoding.encode import Encoder
from lowland.certification.inputs import InputBox
from lowland.certification.margins import answer_of
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.real_network import PIECEWISE, Operation, RealNetwork, Rounding
from lowland.certification.relaxation.branching import positive_by_branching
from lowland.certification.relaxation.deviation_bounds import margin_objectives
from lowland.certification.relaxation.linear_bounds import enclose, smallest
from lowland.certification.relaxation.tuned import relus, tuned_smallest
from lowland.certification.relaxation.witnesses import changed_rows

RowStatus = Literal["proved", "refuted", "open"]
"""``proved``: no member of the box changes the row's class. ``refuted``: one that does was found and evaluated.
``open``: neither, in the time there was."""
Effort = Literal["relaxation", "branching", "milp"]
"""How far to go: linear bounds and the search for witnesses; branch and bound as well; programmes on what is left."""
_EFFORTS: tuple[Effort, ...] = ("relaxation", "branching", "milp")
_ROWS = 256
"""Rows whose slopes are chosen together."""


@dataclass
class CertifiedRows:
    """What is known of every row.

    Attributes:
        assigned: The class of each undisturbed row [rows].
        proved: Rows [rows] that keep their class everywhere in the box.
        refuted: Rows [rows] that do not, by a member of the box that was evaluated.
        by: What decided each row: ``crown``, ``slopes``, ``search``, ``branching`` or ``milp``; empty where it is open.
        seconds: That each of these took.
        timed_out: Whether the timeout ended the work.
    """

    assigned: Tensor
    proved: Tensor
    refuted: Tensor
    by: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    timed_out: bool = False

    @property
    def open(self) -> Tensor:
        """Rows [rows] of which neither is known."""
        return ~(self.proved | self.refuted)

    @property
    def statuses(self) -> list[RowStatus]:
        """One word a row."""
        return [
            "proved" if proved else "refuted" if refuted else "open"
            for proved, refuted in zip(self.proved.tolist(), self.refuted.tolist(), strict=True)
        ]

    def accuracy(self, targets: Tensor) -> tuple[float, float]:
        """Between what ends the certified accuracy lies: the share of rows whose class is right everywhere in the box.

        Args:
            targets: The right classes [rows].

        Returns:
            Proved, and what is not refuted; equal when no row is open.
        """
        right = self.assigned == targets
        return float((right & self.proved).double().mean()), float((right & ~self.refuted).double().mean())


def certified_rows(
    model: nn.Module | RealNetwork,
    inputs: Tensor | InputBox,
    epsilon: float | Mapping[str, float | Tensor] | None,
    *,
    timeout: float | None = None,
    effort: Effort = "milp",
    row_timeout: float = 30.0,
) -> CertifiedRows:
    """Which rows keep their class whatever weights and biases of the box are taken, in real arithmetic.

    Linear bounds with the line of least area prove most rows, slopes chosen by gradient some more; a search for members
    of the box that change the class refutes; branch and bound, then mixed-integer programmes decide what is left, where
    activations are made of linear pieces. Each row is exact for each pair of classes when every weight acts once.

    Args:
        model: Float classifier; the box lies around its folded weights.
        inputs: Rows [rows, ...]; or boxes of them, whose class is that of their middle.
        epsilon: Radius of all weights and biases, or by name (see ``WeightBox.around``); ``None``: none moves.
        timeout: Seconds for all rows together; afterwards rows may be ``open``.
        effort: How far to go.
        row_timeout: Seconds for a row's programmes.

    Raises:
        LowlandError: Whatever in the question cannot be (see ``Query.of``), or outputs that are no classes.
        ValueError: Another effort.
    """
    if effort not in _EFFORTS:
        raise ValueError(f"effort is {effort!r}; expected one of {', '.join(_EFFORTS)}")
    options = MethodOptions(timeout)
    query = Query.of(model, inputs, epsilon)
    num_outputs(query.network)
    assigned = assigned_classes(without_roundings(query.network)(query.inputs.center))
    nothing = torch.zeros(len(query), dtype=torch.bool)
    found = CertifiedRows(assigned, nothing, nothing.clone(), [""] * len(query))
    objectives = margin_objectives(query, assigned)
    with _timed(found, "crown"):
        enclosure = enclose(query, "crown")
        least = smallest(enclosure, objectives)
        _settle(found, "crown", proved=_wins(query, assigned, least))
    with _timed(found, "search"):
        _search(found, query, options)
    if relus(enclosure):
        with _timed(found, "slopes"):
            for rows in found.open.nonzero()[:, 0].split(_ROWS):
                if len(rows) == 0 or options.seconds_left == 0:
                    break
                bounds, _ = tuned_smallest(enclose(query[rows], "crown"), objectives[rows])
                least[rows] = least[rows].maximum(bounds)
            _settle(found, "slopes", proved=_wins(query, assigned, least))
        if effort != "relaxation":
            with _timed(found, "branching"):
                _branch(found, query, objectives, least, options)
    if effort == "milp" and all(isinstance(each.layer, (*PIECEWISE, Rounding)) for each in _activations(query)):
        with _timed(found, "milp"):
            _programme(found, query, options, row_timeout)
    found.timed_out = options.seconds_left == 0 and bool(found.open.any())
    return found


def _wins(query: Query, assigned: Tensor, least: Tensor) -> Tensor:
    """Rows whose margins cannot fall below 0, or to 0 where the other class would then be taken."""
    outputs = num_outputs(query.network)
    ties = torch.stack([wins_ties(outputs, each) for each in range(max(outputs, 2))])[assigned]
    return torch.where(ties, least >= 0, least > 0).all(1)


def _search(found: CertifiedRows, query: Query, options: MethodOptions) -> None:
    rows = found.open.nonzero()[:, 0]
    if len(rows):
        changed = torch.zeros_like(found.refuted)
        changed[rows] = changed_rows(query[rows], found.assigned[rows], options)
        _settle(found, "search", refuted=changed)


def _branch(found: CertifiedRows, query: Query, objectives: Tensor, least: Tensor, options: MethodOptions) -> None:
    """Branch and bound on every pair of classes of the open rows that bounds leave open."""
    pairs = (~(least > 0) & found.open.unsqueeze(1)).nonzero()
    if len(pairs):
        positive = positive_by_branching(query, pairs[:, 0], objectives[pairs[:, 0], pairs[:, 1]], options)
        proved = found.open.clone()
        proved[pairs[~positive, 0]] = False
        _settle(found, "branching", proved=proved)


def _programme(found: CertifiedRows, query: Query, options: MethodOptions, row_timeout: float) -> None:
    rows = found.open.nonzero()[:, 0].tolist()
    encoder = Encoder.of(query) if rows else None
    for row in rows:
        left = options.seconds_left
        if left == 0:
            return
        answer = answer_of(
            query, row, MethodOptions(row_timeout if left is None else min(left, row_timeout)), encoder=encoder
        )
        here = torch.zeros_like(found.proved)
        here[row] = True
        if answer == "certain":
            _settle(found, "milp", proved=here)
        elif answer == "changes":
            _settle(found, "milp", refuted=here)


def _settle(found: CertifiedRows, by: str, *, proved: Tensor | None = None, refuted: Tensor | None = None) -> None:
    """Notes what was decided of open rows."""
    for known, decided in ((found.proved, proved), (found.refuted, refuted)):
        if decided is not None:
            new = decided & found.open
            known |= new
            for row in new.nonzero()[:, 0].tolist():
                found.by[row] = by


def _activations(query: Query) -> list[Operation]:
    return [each for each in query.network.operations.values() if each.kind in ("activation", "rounding")]


@contextmanager
def _timed(found: CertifiedRows, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    found.seconds[name] = time.perf_counter() - started
