"""The search for a policy that chooses widths for each input, at equal evaluations of the network for all agents."""

from __future__ import annotations

import json
import pickle
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from lowland.atomic_files import atomic_path
from lowland.errors import LowlandError, did_you_mean
from lowland.worst_case.per_input.actor_critics import AdvantageActor, ProximalActor
from lowland.worst_case.per_input.input_agent import InputAgent, Learner
from lowland.worst_case.per_input.input_policy import InputPolicy
from lowland.worst_case.per_input.input_problem import InputProblem
from lowland.worst_case.per_input.judgements import InputEvaluation, Judgements
from lowland.worst_case.per_input.table_agents import CrossEntropyTables, RandomTables
from lowland.worst_case.per_input.table_policy import constant_table
from lowland.worst_case.policies import policy_from_spec
from lowland.worst_case.search.checkpoint import EVERY, check_same_search, identity
from lowland.worst_case.search.evaluations import SearchEnded
from lowland.worst_case.search.packages import check_packages

_KINDS: tuple[type[InputAgent], ...] = (CrossEntropyTables, RandomTables, ProximalActor, AdvantageActor)

INPUT_AGENTS = {agent.name: agent for agent in _KINDS}
"""Ways to search, with their usual options when called without any."""


def input_agent_of(name: str) -> InputAgent:
    """The agent of a name, with its usual options.

    Raises:
        LowlandError: There is none of that name.
    """
    if name not in INPUT_AGENTS:
        known = ", ".join(INPUT_AGENTS)
        raise LowlandError(f"agent is {name!r}; expected one of {known}{did_you_mean(name, INPUT_AGENTS)}")
    return INPUT_AGENTS[name]()


@dataclass(frozen=True)
class InputSearchResult:
    """The best policy that a search found.

    Attributes:
        policy: It; on the searching rows it meets the budget, and is no worse than the best static policy.
        drop: Its mean harm beyond none on the searching rows.
        evaluations: How often all searching rows were computed.
        history: Each time, in order.
    """

    policy: InputPolicy
    drop: float
    evaluations: int
    history: tuple[InputEvaluation, ...]

    @property
    def document(self) -> dict[str, Any]:
        """Drop and every evaluation, jsonable."""
        return {"drop": self.drop, "history": [asdict(each) for each in self.history]}


def search_input_policy(
    given: InputProblem,
    agent: str | InputAgent,
    *,
    evaluations: int,
    generator: torch.Generator,
    checkpoint: Path | None = None,
) -> InputSearchResult:
    """Finds the policy for each input that is best for a budget's goal, beginning with the best static policy.

    An evaluation computes all searching rows once, whatever it is for: a policy that could be taken, an episode in
    which widths are drawn, or fitting a multiplier.

    Args:
        given: Network, rows, budget and the static policy.
        agent: A name of ``INPUT_AGENTS``, or an agent with options of its own.
        evaluations: Most of them.
        generator: Of all draws; equal ones give equal results.
        checkpoint: File to resume from and to write to; a search that was interrupted ends as if it had not been.

    Raises:
        LowlandError: An unknown agent or one whose packages are missing, a drop that is no finite number, or a
            checkpoint of another search.
    """
    if evaluations < 1:
        raise LowlandError(f"evaluations is {evaluations}; expected 1 at least")
    how = input_agent_of(agent) if isinstance(agent, str) else agent
    check_packages(how)
    search = {**_identity(given, how, generator), "evaluations": evaluations}
    seed = int(torch.randint(2**31, (), generator=generator))
    learner, judge, rounds = how.learner(given, seed), Judgements(given, evaluations), 0
    if checkpoint is not None and checkpoint.exists():
        rounds = _resumed(checkpoint, search, learner, judge)
    else:
        judge.of(constant_table(given.budget, given.table_bins, given.static))
    written = time.monotonic()
    try:
        while True:
            learner.round(judge, torch.Generator().manual_seed(seed + rounds))
            rounds += 1
            if checkpoint is not None and time.monotonic() - written >= EVERY:
                _write(checkpoint, {"search": search, "rounds": rounds, "learner": learner.state, "judge": judge.state})
                written = time.monotonic()
    except SearchEnded:
        pass
    best = cast(InputPolicy, judge.best)  # the static policy at least
    return InputSearchResult(best, judge.history[-1].best, len(judge.history), tuple(judge.history))


def _identity(given: InputProblem, agent: InputAgent, generator: torch.Generator) -> dict[str, Any]:
    own = {"static": list(given.static), "statistics": list(given.statistics), "bins": given.bins}
    whole = {**identity(given.problem, given.budget, agent, generator), **own}
    return cast(dict[str, Any], json.loads(json.dumps(whole)))


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_path(path) as part:
        torch.save(content, part)


def _resumed(path: Path, search: dict[str, Any], learner: Learner, judge: Judgements) -> int:
    """Rounds of a checkpoint, after learner and judge took what they had."""
    try:
        stored = torch.load(path, weights_only=True)
        there, rounds, states = stored["search"], int(stored["rounds"]), (stored["learner"], stored["judge"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:80]
        raise LowlandError(
            f"checkpoint {path} cannot be read ({reason}); expected a file that a search wrote: delete it"
        ) from error
    check_same_search(path, there, search)
    learner.restore(states[0])
    judge.restore(states[1], cast(InputPolicy, policy_from_spec(states[1]["best"])))
    return rounds
