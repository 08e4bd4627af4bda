"""Spoiled texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from torch import Tensor

from lowland.errors import LowlandError
from lowland.perturbation import TOKEN_CORRUPTIONS, TokenCorruptionOptions, TokenDraw, draw_tokens
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.tasks import Samples, Splits
from lowland.vocabulary.conditions import CONDITIONS


def token_corruption_scenarios(subject: Subject, options: TokenCorruptionOptions) -> Iterator[Scenario]:
    """Every corruption of inputs that are tokens, with the same draws for all networks of a task."""
    tokens, targets = subject.samples
    for kind, levels in options.levels.items():
        condition, corrupt = CONDITIONS[kind], partial(TOKEN_CORRUPTIONS[kind], tokens)
        words = vocabulary_of(subject.splits) if kind == "typing_errors" else None
        draws = [
            draw_tokens(tokens, key=(*subject.key, kind, number), words=words)
            for number in range(options.draws if condition.random else 1)
        ]

        def at(
            level: float, number: int, corrupt: partial[Tensor] = corrupt, draws: list[TokenDraw] = draws
        ) -> Disturbed:
            return Disturbed(subject.network, Samples(corrupt(draws[number], level=level), targets))

        yield Scenario(condition, levels, len(draws), at)


def vocabulary_of(splits: Splits) -> Sequence[str]:
    """The words of the task, which a typing error is made in, in the order of their tokens.

    Raises:
        LowlandError: The task does not say them.
    """
    words = splits.facts.get("preprocessing", {}).get("vocabulary")
    if words is None:
        raise LowlandError(
            "typing_errors are asked for of a task whose preprocessing records no vocabulary; "
            "expected typing_errors: none, or facts={'preprocessing': {'vocabulary': [...], ...}} from the task"
        )
    return list(words)
