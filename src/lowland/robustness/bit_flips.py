"""Faults of the memory and of what is computed."""

from __future__ import annotations

from collections.abc import Iterator

from lowland.faults import FaultSeries, MemoryFaultOptions, fault_series
from lowland.quantization import IntegerNetwork
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.vocabulary.conditions import CONDITIONS


def bit_flip_scenarios(subject: Subject, options: MemoryFaultOptions) -> Iterator[Scenario]:
    """Every fault, at equal numbers and at equal rates; rankings of bits see landscape samples only."""
    network, task = subject.network, subject.task
    found = fault_series(
        network,
        options,
        key=(*subject.key, "bit flips"),
        loss=task.loss,
        known_batches=[subject.splits["landscape"]],
        float_from=task.float_from,
    )
    for series in found:

        def at(level: float, number: int, series: FaultSeries = series) -> Disturbed:
            return Disturbed(series.draws[number](level), subject.samples)

        # Transient flips are computed in integers, which settle ties otherwise than the replayed float arithmetic.
        transient = series.target == "activations"
        yield Scenario(
            CONDITIONS[series.condition],
            series.levels,
            len(series.draws),
            at,
            target=series.target,
            undisturbed=network.deployed_outputs if transient and isinstance(network, IntegerNetwork) else None,
        )
