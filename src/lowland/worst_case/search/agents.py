"""The agents, by name."""

from __future__ import annotations

from lowland.errors import LowlandError, did_you_mean
from lowland.worst_case.search.agent import Agent
from lowland.worst_case.search.cross_entropy import CrossEntropy
from lowland.worst_case.search.exhaustive import Exhaustive
from lowland.worst_case.search.greedy import Greedy
from lowland.worst_case.search.proximal_policy import ProximalPolicy
from lowland.worst_case.search.random_draws import RandomDraws

_KINDS: tuple[type[Agent], ...] = (Greedy, CrossEntropy, RandomDraws, Exhaustive, ProximalPolicy)

AGENTS = {agent.name: agent for agent in _KINDS}
"""Ways to search, with their usual options when called without any."""


def agent_of(agent: str | Agent) -> Agent:
    """The agent of a name, with its usual options; one that is given as such stays as it is.

    Raises:
        LowlandError: There is none of that name.
    """
    if isinstance(agent, Agent):
        return agent
    if agent not in AGENTS:
        raise LowlandError(f"agent is {agent!r}; expected one of {', '.join(AGENTS)}{did_you_mean(agent, AGENTS)}")
    return AGENTS[agent]()
