"""Gradient attacks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from lowland.perturbation import ATTACKS, AttackOptions, Ball
from lowland.perturbation.ball import Norm
from lowland.quantization import DynamicNetwork
from lowland.robustness.embedding_attacks import embedding_attack_scenarios
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples
from lowland.vocabulary.conditions import CONDITIONS


def attack_scenarios(subject: Subject, options: AttackOptions) -> Iterator[Scenario]:
    """Every attack in every norm, through straight-through gradients, evaluated on the deployed network."""
    if subject.ranges is None:  # tokens, which have no neighbours
        yield from embedding_attack_scenarios(subject, options)
        return
    task, network, (inputs, targets), ranges = subject.task, subject.network, subject.samples, subject.ranges
    # Its own forward has the derivatives; where scales are of batches, there is no dequantized copy.
    attacked = network.forward if isinstance(network, DynamicNetwork) else network
    for kind, norm in product(options.kinds, options.norms):

        def at(level: float, number: int, kind: str = kind, norm: Norm = norm) -> Disturbed:
            found = ATTACKS[kind](
                attacked,
                task.sample_losses,
                inputs,
                targets,
                ball=Ball(norm, level, ranges.deviation, ranges.limits),
                **options.effort(kind, key=(*subject.key, kind, norm)),
            )
            return Disturbed(network, Samples(found.inputs, targets), {"blind_rate": found.blind})

        yield Scenario(CONDITIONS[f"{kind}_{norm}"], options.levels, 1, at)
