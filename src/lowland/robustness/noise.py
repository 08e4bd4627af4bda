"""Noise on the inputs."""

from __future__ import annotations

from collections.abc import Iterator

from lowland.perturbation import INPUT_NOISES, InputNoiseOptions, draw
from lowland.perturbation.input_noise import Disturbance
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples
from lowland.vocabulary.conditions import CONDITIONS


def noise_scenarios(subject: Subject, options: InputNoiseOptions) -> Iterator[Scenario]:
    """Every noise, with the same draws for all networks of a task."""
    inputs, targets = subject.samples
    for kind in options.kinds:
        draws = [draw(inputs.shape, key=(*subject.key, kind, number)) for number in range(options.draws)]

        def at(level: float, number: int, kind: str = kind, draws: list[Disturbance] = draws) -> Disturbed:
            noisy = INPUT_NOISES[kind](inputs, subject.readings, draws[number], level=level)
            return Disturbed(subject.network, Samples(noisy, targets))

        yield Scenario(CONDITIONS[kind], options.levels, len(draws), at)
