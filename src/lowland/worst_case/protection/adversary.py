"""What a protection has to stand: a search for the worst policy of whatever it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from lowland.randomness import Key, generator
from lowland.worst_case.budget import Budget
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.agent import Agent
from lowland.worst_case.search.exhaustive import Exhaustive
from lowland.worst_case.search.policy_search import Searched, search_some_layers
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.search.space import Widths, number_of_policies
from lowland.worst_case.subject import PolicySubject


@dataclass(frozen=True)
class Adversary:
    """Searches for the worst static policy: every one where there are no more than evaluations, else by its agent.

    Attributes:
        choices: Widths in bits, rising.
        mean_bits: Least mean width of a policy, over the elements of the layers that it reaches.
        agent: What searches large spaces.
        evaluations: Of each search.
        key: Keys what the agent draws.
    """

    choices: tuple[int, ...]
    mean_bits: float
    agent: Agent
    evaluations: int
    key: tuple[Key, ...]

    def worst(self, problem: PolicyProblem, kept: Collection[int] = ()) -> SearchResult | None:
        """The worst policy found of all layers but those that keep their own width.

        Args:
            problem: The protected network on rows that nothing is reported of.
            kept: Numbers of layers that no policy reaches.

        Returns:
            With a policy of all layers; ``None`` where it reaches none.
        """
        subject = problem.subject
        return self.worst_of(subject, problem.drop, kept)

    def worst_of(
        self, subject: PolicySubject, drop: Callable[[Widths], float], kept: Collection[int] = ()
    ) -> SearchResult | None:
        """The same of a function of the widths of all layers, which may remember what it computed before."""
        free = [number for number in range(len(subject.layers)) if number not in kept]
        if not free:
            return None
        budget = Budget(self.choices, self.mean_bits, tuple(subject.elements[number] for number in free))

        def expanded(widths: Widths) -> Widths:
            whole = list(subject.own_bits)
            for number, bits in zip(free, widths, strict=True):
                whole[number] = bits
            return tuple(whole)

        number_of = number_of_policies(budget)
        everything = number_of is not None and number_of <= self.evaluations
        return search_some_layers(
            Searched(tuple(subject.layers[number] for number in free), lambda widths: drop(expanded(widths)), budget),
            Exhaustive() if everything else self.agent,
            evaluations=self.evaluations,
            generator=generator(*self.key, "protected"),
        )

    def sparing(self, subject: PolicySubject, kept: Collection[int]) -> Adversary:
        """The same that meets its mean over all layers, those that keep their width included.

        What these have above the mean it may take from the others, down to the fewest bits of its choices.
        """
        elements = subject.elements
        free = sum(count for number, count in enumerate(elements) if number not in kept)
        spent = sum(elements[number] * subject.own_bits[number] for number in kept)
        mean = (self.mean_bits * sum(elements) - spent) / free if free else self.mean_bits
        return replace(self, mean_bits=min(max(mean, self.choices[0]), self.choices[-1]))


def widths_of(subject: PolicySubject, found: SearchResult | None) -> Widths:
    """Widths of all layers of a network under a policy of some of them; the others have their own."""
    bits = {} if found is None else found.policy.bits
    return tuple(bits.get(layer, own) for layer, own in zip(subject.layers, subject.own_bits, strict=True))
