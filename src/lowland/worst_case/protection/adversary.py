"""What a protection has to stand: a search for the worst policy of whatever it leaves open."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from lowland.randomness import Key, generator
from lowland.worst_case.budget import Budget
from lowland.worst_case.policies import StaticPolicy
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.agent import Agent
from lowland.worst_case.search.cross_entropy import CrossEntropy
from lowland.worst_case.search.exhaustive import Exhaustive
from lowland.worst_case.search.greedy import Greedy
from lowland.worst_case.search.policy_search import Searched, search_some_layers
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.search.space import Widths, number_of_policies
from lowland.worst_case.subject import PolicySubject


@dataclass(frozen=True)
class Adversary:
    """Searches for the worst static policy: every one where there are no more than evaluations, else by several agents.

    A protection looks as good as the search against it is bad. So greedy search and the cross-entropy method search
    beside the agent that is asked for, each with all evaluations, and the worst of what they find counts.

    Attributes:
        choices: Widths in bits, rising.
        mean_bits: Least mean width of a policy, over the elements of the layers that it reaches.
        agent: What searches large spaces, beside the two.
        evaluations: Of each agent.
        key: Keys what agents draw.
    """

    choices: tuple[int, ...]
    mean_bits: float
    agent: Agent
    evaluations: int
    key: tuple[Key, ...]

    def worst(
        self, problem: PolicyProblem, kept: Collection[int] = (), known: dict[Widths, float] | None = None
    ) -> SearchResult | None:
        """The worst policy found of all layers but those that keep their own width.

        Args:
            problem: The protected network on rows that nothing is reported of.
            kept: Numbers of layers that no policy reaches.
            known: Drops of policies of all layers that earlier searches of this problem computed. None is computed
                again, and each counts here, too, where this search allows it. Filled further.

        Returns:
            With a policy of the layers that it reaches; ``None`` where there are none.
        """
        subject, known = problem.subject, {} if known is None else known
        free = [number for number in range(len(subject.layers)) if number not in kept]
        if not free:
            return None
        budget = Budget(self.choices, self.mean_bits, tuple(subject.elements[number] for number in free))

        def drop(widths: Widths) -> float:
            whole = list(subject.own_bits)
            for number, bits in zip(free, widths, strict=True):
                whole[number] = bits
            if tuple(whole) not in known:
                known[tuple(whole)] = problem.drop(whole)
            return known[tuple(whole)]

        allowed = {
            widths
            for whole in known
            if all(whole[number] >= subject.own_bits[number] for number in kept)
            and budget.allows(widths := tuple(whole[number] for number in free))
            and set(widths) <= set(self.choices)
        }
        layers = tuple(subject.layers[number] for number in free)
        searched = Searched(layers, drop, budget)
        found = max((self._searched(searched, agent) for agent in self._agents(budget)), key=lambda each: each.drop)
        better = max(allowed, key=drop, default=None)
        if better is None or drop(better) <= found.drop:
            return found
        return replace(found, policy=StaticPolicy(dict(zip(layers, better, strict=True))), drop=drop(better))

    def _agents(self, budget: Budget) -> list[Agent]:
        """All that search, each kind once."""
        number = number_of_policies(budget)
        if number is not None and number <= self.evaluations:
            return [Exhaustive()]
        return list({agent.name: agent for agent in (Greedy(), CrossEntropy(), self.agent)}.values())

    def _searched(self, searched: Searched, agent: Agent) -> SearchResult:
        draws = generator(*self.key, "protected")
        return search_some_layers(searched, agent, evaluations=self.evaluations, generator=draws)

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
