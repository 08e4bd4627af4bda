"""Spoiled images."""

from __future__ import annotations

from collections.abc import Iterator

from lowland.perturbation import ImageCorruptionOptions, corrupt
from lowland.randomness import generator
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples
from lowland.vocabulary.conditions import CONDITIONS


def image_corruption_scenarios(subject: Subject, options: ImageCorruptionOptions) -> Iterator[Scenario]:
    """Every corruption of inputs that are images; severities share the random numbers of a draw."""
    images, targets = subject.samples
    for kind in options.kinds:
        condition = CONDITIONS[kind]

        def at(level: float, number: int, kind: str = kind) -> Disturbed:
            source = generator(*subject.key, kind, number)
            limits = subject.task.readings.limits
            spoiled = corrupt(images, kind, severity=int(level), generator=source, value_range=limits)
            return Disturbed(subject.network, Samples(spoiled, targets))

        yield Scenario(condition, options.severities, options.draws if condition.random else 1, at)
