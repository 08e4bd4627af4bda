"""All statements that are asked of a cell, and the certificate that says what each is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lowland.certification.statements.deployed import deployed, noise
from lowland.certification.statements.random_upsets import random_upsets
from lowland.certification.statements.rounding import confidence, everywhere, rounding
from lowland.certification.statements.statement import Statement, Subject, certified
from lowland.certification.statements.upsets import upsets
from lowland.errors import LowlandError
from lowland.measurements import Measurement
from lowland.quantization.graph.integer import IntegerNetwork

STATEMENTS: dict[str, Callable[[Subject], Statement]] = {
    "rounding": rounding,
    "confidence": confidence,
    "global": everywhere,
    "deployed": deployed,
    "noise": noise,
    "upsets": upsets,
    "random_upsets": random_upsets,
}
"""By the name that options have."""
OF_INTEGERS = ("deployed", "noise", "upsets", "random_upsets")
"""Those that are about networks in integers alone."""
_NOTHING = {
    "rounding": "certified_share",
    "confidence": "confidence_deviation",
    "global": "global_deviation",
    "deployed": "deployed_deviation",
    "noise": "noise_safe_share",
    "upsets": "upset_safe_share",
    "random_upsets": "expected_accuracy",
}


@dataclass(frozen=True)
class Certificate:
    """What is proved of a cell.

    Attributes:
        measurements: For the long table.
        statements: By name: what each is about, its status and the seconds it took; jsonable.
        frontier: Columns of the protection frontier; empty where there is none.
    """

    measurements: list[Measurement]
    statements: Mapping[str, Any]
    frontier: Mapping[str, Any] = field(default_factory=dict)


def certificate(subject: Subject) -> Certificate:
    """Every statement that is asked and can be made; what cannot be made is ``undefined``, with the reason.

    Args:
        subject: The cell.
    """
    measurements: list[Measurement] = []
    statements: dict[str, Any] = {}
    frontier: Mapping[str, Any] = {}
    for name in subject.options.statements:
        if name in OF_INTEGERS and not isinstance(subject.network, IntegerNetwork):
            continue
        started = time.perf_counter()
        try:
            stated = STATEMENTS[name](subject)
        except LowlandError as error:
            measurements.append(certified(_NOTHING[name], float("nan"), rows=0, status="undefined"))
            statements[name] = {"status": "undefined", "reason": str(error)}
            continue
        measurements += stated.measurements
        frontier = stated.frontier or frontier
        statements[name] = {**stated.about, "seconds": round(time.perf_counter() - started, 3)}
    return Certificate(measurements, statements, frontier)
