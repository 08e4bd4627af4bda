"""What a statement is made about, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lowland.certification.bounds import Bounds, Status
from lowland.certification.statements.options import CertificationOptions
from lowland.estimate import Estimate
from lowland.estimate import Status as EstimateStatus
from lowland.measurements import Measurement, Split

_STATUS: dict[Status, EstimateStatus] = {
    "exact": "ok",
    "relaxed": "ok",
    "timeout": "timeout",
    "unknown": "undefined",
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A cell that statements are made about.

    Attributes:
        float_model: The float network of its run.
        network: What is deployed; the float network itself of a float cell.
        test: Inputs [rows, ...] that statements are about.
        classes: Targets [rows] of the test rows.
        landscape: Inputs [rows, ...] on which protection is chosen.
        options: What is asked.
    """

    float_model: nn.Module
    network: nn.Module
    test: Tensor
    classes: Tensor
    landscape: Tensor
    options: CertificationOptions


@dataclass(frozen=True)
class Statement:
    """What is proved of what.

    Attributes:
        about: Arithmetic, rows, box, words, encoding: whatever the sentence must name, jsonable.
        measurements: What is proved and found.
        frontier: Columns of the protection frontier; empty where there is none.
    """

    about: Mapping[str, Any]
    measurements: list[Measurement]
    frontier: Mapping[str, Any] = field(default_factory=dict)


def certified(
    measure: str,
    value: float,
    *,
    rows: int = 1,
    status: EstimateStatus = "ok",
    split: Split = "test",
    **where: Any,
) -> Measurement:
    """A measurement of what is proved; it has no standard error.

    Args:
        measure: A key of ``CERTIFICATES``.
        value: The number.
        rows: It is about.
        status: Of the estimate.
        split: Whose rows.
        where: ``condition``, ``target`` and ``level`` of the long table.
    """
    estimate = Estimate(value, 0.0, rows, status)
    return Measurement("certificate", measure, estimate, split=split, **where)


def status_of(bounds: Bounds) -> EstimateStatus:
    """The status of a proved bound in the long table: a ``timeout`` has the bound that was reached."""
    return _STATUS[bounds.status]
