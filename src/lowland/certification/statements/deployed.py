"""What is proved of the integer network itself: its deviation from the float network, and noise at its inputs."""

from __future__ import annotations

from time import monotonic
from typing import Any

from lowland.certification.inputs import InputBox
from lowland.certification.rounding.deviation import deployed_deviation
from lowland.certification.rounding.input_noise import answer_under_noise
from lowland.certification.statements.options import NOISE
from lowland.certification.statements.statement import Statement, Subject, certified, status_of
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork


def integers_of(subject: Subject) -> IntegerNetwork:
    """The integer network of a cell.

    Args:
        subject: The cell.

    Raises:
        LowlandError: It has none.
    """
    network = subject.network
    if not isinstance(network, IntegerNetwork):
        raise LowlandError(
            f"network is a {type(network).__name__}; expected an IntegerNetwork: nothing exact can be said of float "
            "activations or of scales that follow the inputs"
        )
    return network


def deployed(subject: Subject) -> Statement:
    """How far an output of the integer network can be from the float network's, for inputs within the test rows' range.

    Args:
        subject: A deployed cell.
    """
    network = integers_of(subject)
    region = InputBox(subject.test.amin(0, keepdim=True), subject.test.amax(0, keepdim=True))
    bounds = deployed_deviation(network, subject.float_model, region, timeout=subject.options.seconds)
    about = {
        "arithmetic": "forward_integer against the float network in real arithmetic",
        "rows": "all inputs within the range of the test rows",
        "unit": "of the outputs",
        "status": bounds.status,
    }
    return Statement(
        about,
        [
            certified("deployed_deviation", bounds.upper, status=status_of(bounds)),
            certified("deployed_deviation_found", bounds.lower),
        ],
    )


def noise(subject: Subject) -> Statement:
    """Rows whose class in integer arithmetic no input within a radius changes.

    Args:
        subject: A deployed cell.
    """
    network, options = integers_of(subject), subject.options
    rows = subject.test[: options.noise_rows]
    deadline = monotonic() + options.seconds
    found, decided = [], {}
    for radius in options.noise_radii:
        verdicts = [
            answer_under_noise(network, row, radius, timeout=max(0.01, (deadline - monotonic()) / len(rows))).verdict
            for row in rows
        ]
        where: dict[str, Any] = {"condition": NOISE, "level": float(radius), "rows": len(rows)}
        found.append(certified("noise_safe_share", verdicts.count("proved") / len(rows), **where))
        found.append(certified("noise_safe_share_at_most", 1 - verdicts.count("refuted") / len(rows), **where))
        decided[str(radius)] = {name: verdicts.count(name) for name in ("proved", "refuted", "open")}
    about = {
        "arithmetic": "forward_integer",
        "rows": len(rows),
        "radius": "largest difference of an input, in steps of the input's quantizer",
        "ties": "lowest index",
        "verdicts": decided,
    }
    return Statement(about, found)
