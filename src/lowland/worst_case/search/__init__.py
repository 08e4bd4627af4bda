"""The search for static bit policies: agents, all counted in evaluations of the network."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.search.agent import Agent
    from lowland.worst_case.search.agents import AGENTS, agent_of
    from lowland.worst_case.search.cross_entropy import CrossEntropy
    from lowland.worst_case.search.policy_search import search_policy, search_problem
    from lowland.worst_case.search.result import Evaluation, SearchResult
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "AGENTS",
    "Agent",
    "CrossEntropy",
    "Evaluation",
    "SearchResult",
    "agent_of",
    "search_policy",
    "search_problem",
]
