"""All scenarios of a family, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lowland.measurements import Measurement
from lowland.robustness.attacks import attack_scenarios
from lowland.robustness.bit_flips import bit_flip_scenarios
from lowland.robustness.image_corruptions import image_corruption_scenarios
from lowland.robustness.noise import noise_scenarios
from lowland.robustness.scenario import Scenario
from lowland.robustness.sensor_faults import sensor_fault_scenarios
from lowland.robustness.subject import Subject
from lowland.robustness.sweep import sweep
from lowland.robustness.token_corruptions import token_corruption_scenarios
from lowland.vocabulary.families import Family

SCENARIOS: dict[Family, Callable[[Subject, Any], Iterator[Scenario]]] = {
    "noise": noise_scenarios,
    "sensor_fault": sensor_fault_scenarios,
    "image_corruption": image_corruption_scenarios,
    "token_corruption": token_corruption_scenarios,
    "adversarial": attack_scenarios,
    "bit_flip": bit_flip_scenarios,
}
"""What a family's options ask for, by family."""


def robustness(family: Family, subject: Subject, options: Any) -> Iterator[Measurement]:
    """Measurements of every scenario of a family.

    Args:
        family: A key of ``SCENARIOS``.
        subject: What is disturbed.
        options: Of that family.
    """
    for scenario in SCENARIOS[family](subject, options):
        yield from sweep(subject, scenario)
