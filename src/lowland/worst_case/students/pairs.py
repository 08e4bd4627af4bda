"""Students beside policies: what each pair loses, before and after equalization."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.randomness import Key, generator
from lowland.worst_case.budget import Budget
from lowland.worst_case.deployed_subject import subject_of
from lowland.worst_case.policies import StaticPolicy
from lowland.worst_case.problem import PolicyProblem, Rows, wrong
from lowland.worst_case.scaling.float_network import equalized_network
from lowland.worst_case.search.agents import agent_of
from lowland.worst_case.search.policy_search import search_problem
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.students.distillation import Distillation, Kind
from lowland.worst_case.students.equivalence import equivalence_of_shares

POLICIES = ("detrimental_policy", "robust_policy", "uniform_policy", "own_worst_policy")


@dataclass(frozen=True)
class Pair:
    """A student under a policy.

    Attributes:
        student: Its kind.
        policy: Name of the policy, one of ``POLICIES``.
        equalized: Whether the student's channels were equalized before, and the worst policies searched for anew.
        drop: Accuracy lost from the student's own in float, on the rows that judge.
        widths: Of the policy.
        mean_bits: Of the policy.
    """

    student: Kind
    policy: str
    equalized: bool
    drop: Estimate
    widths: StaticPolicy
    mean_bits: float


@dataclass(frozen=True)
class PairTable:
    """All pairs.

    Attributes:
        pairs: In the order of students, policies, and before equalization.
        accuracy: In float, by kind of student.
        equivalence: p value of the test that the detrimental and the robust student are equally accurate in float.
        searches: What was found for ``robust_policy`` and, by kind of student, ``<kind>_worst``, and
            ``<kind>_worst_equalized`` after equalization. The detrimental policy is ``detrimental_worst``.
    """

    pairs: tuple[Pair, ...]
    accuracy: Mapping[Kind, Estimate]
    equivalence: Estimate
    searches: Mapping[str, SearchResult]

    @property
    def document(self) -> dict[str, Any]:
        """Policies and how they were found, jsonable."""
        return {
            "policies": {name: found.policy.spec for name, found in self.searches.items()},
            "searches": {name: found.document for name, found in self.searches.items()},
        }

    def of(self, student: Kind, policy: str, *, equalized: bool = False) -> Pair:
        """One of the pairs."""
        return next(
            pair for pair in self.pairs if (pair.student, pair.policy, pair.equalized) == (student, policy, equalized)
        )


def students_beside_policies(
    students: Mapping[Kind, nn.Module],
    searching: Rows,
    judging: Rows,
    how: Distillation,
    *,
    evaluations: int = 120,
    key: tuple[Key, ...],
) -> PairTable:
    """What students lose under the worst policy of the detrimental one, the best of the robust one, and others.

    The others are the same width in all layers, and the worst policy that is found for each student itself.

    The detrimental policy has no fewer bits on the mean than the budget, the robust one no more, so that a comparison
    favours neither.

    Args:
        students: Float networks by kind; the detrimental and the robust one at least.
        searching: Rows on which policies are searched for.
        judging: Rows on which everything is reported; no search sees them.
        how: Choices, mean, runtime and what searches.
        evaluations: Of each search.
        key: Of all searches.

    Raises:
        LowlandError: A student is missing.
    """
    for needed in ("detrimental", "robust"):
        if needed not in students:
            raise LowlandError(f"students are {', '.join(students)}; expected {needed} among them")
    equal = {kind: equalized_network(network, searching.inputs) for kind, network in students.items()}
    robust = _found(students["robust"], searching, how, "best", evaluations, key=key)
    searches, pairs = {"robust_policy": robust}, list[Pair]()
    for equalized, networks in ((False, students), (True, equal)):
        worst = {
            kind: _found(network, searching, how, "worst", evaluations, key=key) for kind, network in networks.items()
        }
        searches |= {f"{kind}_worst{'_equalized' * equalized}": found for kind, found in worst.items()}
        for kind, network in networks.items():
            policies = worst["detrimental"].policy, robust.policy, worst[kind].policy
            pairs += _pairs_of(kind, equalized, network, policies, judging, how)
    right: dict[Kind, Tensor] = {}
    with torch.no_grad():
        for kind, network in students.items():
            right[kind] = network(judging.inputs).argmax(1) == judging.targets
    accuracy = {kind: Estimate.from_samples(each.double()) for kind, each in right.items()}
    return PairTable(tuple(pairs), accuracy, equivalence_of_shares(right["detrimental"], right["robust"]), searches)


def uniform_widths(how: Distillation) -> int:
    """The fewest bits of the choices that meet the mean in every layer."""
    return next(bits for bits in how.choices if bits >= how.mean_bits)


def _found(
    network: nn.Module,
    rows: Rows,
    how: Distillation,
    goal: Literal["worst", "best"],
    evaluations: int,
    *,
    key: tuple[Key, ...],
) -> SearchResult:
    subject = subject_of(network, rows.inputs[:1], runtime=how.runtime, float_from=how.float_from)
    budget = Budget(how.choices, how.mean_bits, subject.elements, goal=goal)
    problem = PolicyProblem(subject, rows.inputs, rows.targets)
    agent, draws = agent_of(how.agent), generator(*key, goal)
    return search_problem(problem, budget, agent, evaluations=evaluations, generator=draws)


def _pairs_of(
    kind: Kind,
    equalized: bool,
    network: nn.Module,
    policies: tuple[StaticPolicy, StaticPolicy, StaticPolicy],
    rows: Rows,
    how: Distillation,
) -> Iterator[Pair]:
    """One student under the detrimental, the robust and its own worst policy, and under a uniform one."""
    subject = subject_of(network, rows.inputs[:1], runtime=how.runtime, float_from=how.float_from)
    problem = PolicyProblem(subject, rows.inputs, rows.targets)
    with torch.no_grad():
        in_float = wrong(network(rows.inputs), rows.targets)
    budget = Budget(how.choices, how.mean_bits, subject.elements)
    detrimental, robust, own = policies
    uniform = StaticPolicy(dict.fromkeys(subject.layers, uniform_widths(how)))
    for name, policy in zip(POLICIES, (detrimental, robust, uniform, own), strict=True):
        drop = Estimate.from_samples(wrong(problem.outputs(policy.widths), rows.targets) - in_float)
        yield Pair(kind, name, equalized, drop, policy, budget.spent(policy.widths))
