"""The smallest set of layers that must keep their width so that no policy of the others costs much."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.protection.adversary import Adversary, widths_of
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.search.space import Widths
from lowland.worst_case.subject import PolicySubject

MOST_SETS = 64
"""Sets of layers up to which all are tried: those of six layers."""

Numbers = tuple[int, ...]
SURE = 1.645
"""Standard errors to the upper end of a one-sided interval of 95 %."""


@dataclass(frozen=True)
class TriedSet:
    """A set of layers and the worst policy that was found when these keep their width.

    Attributes:
        layers: Numbers, rising.
        lost: To that policy, on the rows that it was searched on; 0 where all layers keep their width.
        found: The search; ``None`` where all layers keep their width.
    """

    layers: Numbers
    lost: Estimate
    found: SearchResult | None

    @property
    def most(self) -> float:
        """Upper end of the one-sided interval of 95 % of what is lost."""
        return self.lost.value + SURE * self.lost.standard_error


@dataclass(frozen=True)
class KeptLayers:
    """The set that was chosen, and all that were tried on the way.

    Attributes:
        chosen: The smallest that surely costs less than the target; all layers where no smaller one does.
        tried: In the order in which they were tried.
        is_smallest: Whether all smaller sets were tried, and not only those that grow from one another.
    """

    chosen: TriedSet
    tried: tuple[TriedSet, ...]
    is_smallest: bool


def smallest_kept_layers(
    problem: PolicyProblem,
    adversary: Adversary,
    *,
    target: float,
    judge: PolicyProblem | None = None,
    known: dict[Widths, float] | None = None,
) -> KeptLayers:
    """Finds the fewest layers that must keep their own width so that the worst policy of the others costs little.

    For every set the worst policy is searched anew: under the one that was worst without protection nearly every set
    looks good. It costs little where the upper end of the interval lies below the target: these rows are a sample, and
    a set that just passes on them would fail on others half of the time. Of sets of equal size those that cost fewer
    bits come first. Up to six layers all sets are tried, one size after the other; with more, one layer is added at a
    time: that with which the worst policy of the others costs least.

    Args:
        problem: The network on rows that nothing is reported of.
        adversary: What searches.
        target: The worst policy must surely cost less than this, in the unit of the harm.
        judge: The same rows with the harm that the target is about, where a search is told another one.
        known: Drops of policies of all layers that are known of this problem, see ``Adversary.worst``; filled further.

    Raises:
        LowlandError: A target that is not positive.
    """
    if not target > 0:
        raise LowlandError(f"target is {target}; expected a drop above 0, such as 0.02")
    attempts = _Attempts(problem, adversary, judge or problem, {} if known is None else known)
    everything = 2 ** len(problem.subject.layers) <= MOST_SETS
    sets = all_sets(problem.subject) if everything else _growing(attempts)
    chosen = next((each for layers in sets if (each := attempts.of(layers)).most < target), None)
    if chosen is None:  # nothing is lost when every layer keeps its width
        raise ValueError(f"a network whose layers all keep their width loses {target} or more")
    return KeptLayers(chosen, tuple(attempts.tried.values()), everything)


def added_bits(subject: PolicySubject, layers: Collection[int], mean_bits: float) -> float:
    """Bits that kept layers add to the mean width of all elements, over a policy that meets a mean everywhere.

    Args:
        subject: The network.
        layers: Numbers of those that keep their own width.
        mean_bits: The mean that policies of the others meet; a width that is not above it adds nothing.
    """
    elements = subject.elements
    above = {number: max(0.0, subject.own_bits[number] - mean_bits) for number in layers}
    return sum(elements[number] * bits for number, bits in above.items()) / sum(elements)


def all_sets(subject: PolicySubject) -> Iterator[Numbers]:
    """All sets of layers: by size, then by the elements that they code, the fewest first."""
    numbers = range(len(subject.layers))
    for size in range(len(subject.layers) + 1):
        sets = itertools.combinations(numbers, size)
        yield from sorted(sets, key=lambda layers: (_cost(subject.elements, layers), layers))


class _Attempts:
    """Sets with their worst policies; one that was found for a set counts for all others that allow it."""

    def __init__(
        self, problem: PolicyProblem, adversary: Adversary, judge: PolicyProblem, known: dict[Widths, float]
    ) -> None:
        self.subject, self._problem, self._adversary, self._judge = problem.subject, problem, adversary, judge
        self._known = known
        self.tried: dict[Numbers, TriedSet] = {}

    def of(self, layers: Numbers) -> TriedSet:
        """The set, tried now or before."""
        if layers not in self.tried:
            found = self._adversary.worst(self._problem, layers, self._known)
            lost = Estimate(0.0)
            if found is not None:
                lost = self._judge.estimate(self._judge.harms(self._judge.outputs(widths_of(self.subject, found))))
            self.tried[layers] = TriedSet(layers, lost, found)
        return self.tried[layers]


def _growing(attempts: _Attempts) -> Iterator[Numbers]:
    """No layer, then one more at a time."""
    layers: Numbers = ()
    yield layers
    while len(layers) < len(attempts.subject.layers):
        others = [number for number in range(len(attempts.subject.layers)) if number not in layers]
        grown = [tuple(sorted((*layers, number))) for number in others]
        elements = attempts.subject.elements
        layers = min(grown, key=lambda each: (attempts.of(each).lost.value, _cost(elements, each), each))
        yield layers


def _cost(elements: tuple[int, ...], layers: Numbers) -> int:
    """Elements that layers code."""
    return sum(elements[number] for number in layers)
