"""Broken and ageing sensors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from lowland.perturbation import SENSOR_FAULTS, SensorDraw, SensorFaultOptions, draw_sensors
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples
from lowland.vocabulary.conditions import CONDITIONS


def sensor_fault_scenarios(subject: Subject, options: SensorFaultOptions) -> Iterator[Scenario]:
    """Every fault of the sensors that has levels, with the same draws for all networks of a task."""
    inputs, targets = subject.samples
    for kind, levels in options.levels.items():
        condition = CONDITIONS[kind]
        extra = {"zero": subject.splits.zero} if kind == "gain_drift" else {}
        fault = partial(SENSOR_FAULTS[kind], inputs, subject.readings, **extra)
        draws = [
            draw_sensors(inputs.shape, sensor_dims=subject.task.sensor_dims, key=(*subject.key, kind, number))
            for number in range(options.draws if condition.random else 1)
        ]

        def at(level: float, number: int, fault: partial[Tensor] = fault, draws: list[SensorDraw] = draws) -> Disturbed:
            return Disturbed(subject.network, Samples(fault(draws[number], level=level), targets))

        yield Scenario(condition, tuple(levels), len(draws), at)
