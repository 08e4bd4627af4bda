"""The search for the static policy that harms a network most, or least, at a budget of bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.deployed_subject import subject_of
from lowland.worst_case.policies import StaticPolicy
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.agent import Agent
from lowland.worst_case.search.agents import agent_of
from lowland.worst_case.search.checkpoint import Checkpoint, identity
from lowland.worst_case.search.evaluations import Evaluations, SearchEnded
from lowland.worst_case.search.result import SearchResult, SearchStatus
from lowland.worst_case.search.space import Widths, number_of_policies
from lowland.worst_case.subject import PolicySubject


def search_policy(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    choices: Sequence[int],
    mean_bits: float,
    agent: str | Agent,
    evaluations: int,
    generator: torch.Generator,
    checkpoint: str | Path | None = None,
) -> SearchResult:
    """Finds the static policy under which a classifier loses most accuracy, at no fewer bits on the mean than stated.

    Args:
        network: Any that ``subject_of`` takes, or such a subject; left as it came.
        batches: Pairs of inputs [rows, ...] and classes [rows]; computed together, as one batch.
        choices: Widths in bits that every layer may have, rising.
        mean_bits: Least mean width over all elements of a row that are coded.
        agent: A name of ``AGENTS``, or an agent with options of its own.
        evaluations: Most policies that are computed on all rows; one that is asked for again costs nothing.
        generator: Of all draws; equal ones give equal results.
        checkpoint: File to resume from and to write to; a search that was interrupted ends as if it had not been.

    Returns:
        The policy, its drop and every evaluation.

    Raises:
        LowlandError: No rows, scales of whole batches, a budget that nothing meets, an unknown agent, one that cannot
            search this space, a drop that is no finite number, or a checkpoint of another search.

    Example:
        >>> from lowland.randomness import generator
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> batches = [(torch.randn(50, 4), torch.randint(3, (50,)))]
        >>> found = search_policy(network, batches, choices=(2, 4, 8), mean_bits=4, agent="exhaustive",
        ...                       evaluations=9, generator=generator("example"))
        >>> found.status
        'complete'
    """
    pairs = list(batches)
    if not any(len(inputs) for inputs, _ in pairs):
        raise LowlandError("batches have no rows; expected pairs of inputs and targets, one row at least")
    inputs, targets = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    subject = network if isinstance(network, PolicySubject) else subject_of(network, inputs[:1])
    budget = Budget(tuple(choices), float(mean_bits), subject.elements)
    problem = PolicyProblem(subject, inputs, targets)
    path = None if checkpoint is None else Path(checkpoint)
    return search_problem(
        problem, budget, agent_of(agent), evaluations=evaluations, generator=generator, checkpoint=path
    )


def search_problem(
    problem: PolicyProblem,
    budget: Budget,
    agent: Agent,
    *,
    evaluations: int,
    generator: torch.Generator,
    checkpoint: Path | None = None,
) -> SearchResult:
    """Finds the static policy that is best for a budget's goal: most harm at no fewer bits, or least at no more.

    Of policies of equal drop the one of fewer mean bits is taken, then that with fewer bits in the first layers. A
    policy counts once, however often it is asked for; all agents are counted alike.

    Args:
        problem: Network, rows and what counts as harm.
        budget: Choices, mean and goal.
        agent: What names policies.
        evaluations: Most policies that are computed.
        generator: Of all draws; equal ones give equal results.
        checkpoint: File to resume from and to write to. More evaluations than last time continue the search.

    Raises:
        LowlandError: As for ``search_policy``.
    """
    if evaluations < 1:
        raise LowlandError(f"evaluations is {evaluations}; expected 1 at least")
    if budget.elements != problem.subject.elements:
        raise LowlandError(
            f"budget has elements {budget.elements}, the network {problem.subject.elements}; expected the same"
        )
    agent.check(budget, evaluations)
    kept = Checkpoint(checkpoint, {} if checkpoint is None else identity(problem, budget, agent, generator))
    searched = Searched(problem.subject.layers, problem.drop, budget)
    return _searched(searched, agent, evaluations, generator, kept)


@dataclass(frozen=True)
class Searched:
    """What agents need to know of a problem.

    Attributes:
        layers: Names of those that have a width.
        drop: Of widths in their order.
        budget: With their elements.
    """

    layers: tuple[str, ...]
    drop: Callable[[Widths], float]
    budget: Budget


def search_some_layers(
    searched: Searched, agent: Agent, *, evaluations: int, generator: torch.Generator
) -> SearchResult:
    """The same where policies reach some of a network's layers only; nothing is written to resume from.

    Args:
        searched: Layers, drop and budget.
        agent: What names policies.
        evaluations: Most policies that are computed.
        generator: Of all draws.

    Raises:
        LowlandError: As for ``search_policy``.
    """
    agent.check(searched.budget, evaluations)
    return _searched(searched, agent, evaluations, generator, Checkpoint(None, {}))


def _searched(
    searched: Searched, agent: Agent, evaluations: int, generator: torch.Generator, kept: Checkpoint
) -> SearchResult:
    """Runs the agent."""
    budget = searched.budget
    asked = Evaluations(searched.drop, budget, evaluations, kept.recorded, kept.after)
    spent = False
    try:
        agent.run(budget, asked.gain, generator)
    except SearchEnded:
        spent = len(asked.history) == evaluations
    finally:
        kept.write(asked.history)
    if asked.best is None:
        raise ValueError(f"agent {agent.name} asked for no policy")
    widths, drop = asked.best
    complete = len(asked.history) == number_of_policies(budget)
    status: SearchStatus = "complete" if complete else "spent" if spent else "converged"
    policy = StaticPolicy(dict(zip(searched.layers, widths, strict=True)))
    return SearchResult(policy, drop, len(asked.history), tuple(asked.history), status)
