"""Gradient attacks on texts: not their words are changed, but the vectors that these stand for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from torch import Tensor, nn

from lowland.coding.tokens import PADDING
from lowland.perturbation import ATTACKS, AttackOptions, Ball
from lowland.perturbation.ball import Norm
from lowland.perturbation.embeddings import from_vectors, looked_up, own_vectors, own_words, spread
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.embedding_step import Embedding
from lowland.robustness.scenario import Disturbed, Model, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples
from lowland.vocabulary.conditions import CONDITIONS


def embedding_attack_scenarios(subject: Subject, options: AttackOptions) -> Iterator[Scenario]:
    """Every attack in every norm on the embeddings of the tokens, evaluated on the deployed network.

    The radius is in standard deviations of the entries of the network's own embeddings. A network with codes rounds the
    attacked vectors to those that its embedding can hold.
    """
    tokens, targets = subject.samples
    network = subject.network
    attacked = network.dequantized() if isinstance(network, IntegerNetwork) else network
    vectors = looked_up(attacked, tokens).detach()
    scale = spread(attacked) * (tokens != PADDING)[:, :, None].to(vectors)
    for kind, norm in product(options.kinds, options.norms):

        def at(level: float, number: int, kind: str = kind, norm: Norm = norm) -> Disturbed:
            found = ATTACKS[kind](
                lambda changed: from_vectors(attacked, changed, tokens),
                subject.task.sample_losses,
                vectors,
                targets,
                ball=Ball(norm, level, scale),
                **options.effort(kind, key=(*subject.key, kind, norm)),
            )
            model = with_vectors(network, found.inputs, tokens)
            return Disturbed(model, Samples(own_words(tokens), targets), {"blind_rate": found.blind})

        yield Scenario(CONDITIONS[f"{kind}_{norm}"], options.levels, 1, at)


def with_vectors(network: nn.Module, vectors: Tensor, tokens: Tensor) -> Model:
    """A model of ``own_words`` in which these stand for other vectors.

    Args:
        network: Deployed network.
        vectors: [n, places, width].
        tokens: [n, places]: where there is padding.
    """
    if not isinstance(network, IntegerNetwork):
        return lambda _: from_vectors(network, vectors, tokens)
    steps = [
        step.with_rows(own_vectors(vectors, step.row(PADDING))) if isinstance(step, Embedding) else step
        for step in network.steps.children()
    ]
    return IntegerNetwork(steps)  # type: ignore[arg-type]  # ModuleDict forgets what it was filled with
