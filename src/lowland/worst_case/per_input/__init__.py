"""Policies that choose widths for each input by what layers read from it: searched, and held against oracles."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.per_input.input_problem import InputProblem, judged, meets
    from lowland.worst_case.per_input.input_search import INPUT_AGENTS, InputSearchResult, search_input_policy
    from lowland.worst_case.per_input.measured_rows import (
        budget_for_inputs,
        found_for_inputs,
        input_policy_document,
        input_policy_rows,
        problem_of,
    )
    from lowland.worst_case.per_input.network_policy import NetworkPolicy
    from lowland.worst_case.per_input.observations import Bins, Scales
    from lowland.worst_case.per_input.oracle_free import FreeOracle, free_oracle
    from lowland.worst_case.per_input.oracle_restricted import RestrictedOracle, restricted_oracle
    from lowland.worst_case.per_input.share import Share, share_of_gain
    from lowland.worst_case.per_input.table_policy import TablePolicy
    from lowland.worst_case.per_input.tree_of_widths import WidthsTree, widths_tree
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "INPUT_AGENTS",
    "Bins",
    "FreeOracle",
    "InputProblem",
    "InputSearchResult",
    "NetworkPolicy",
    "RestrictedOracle",
    "Scales",
    "Share",
    "TablePolicy",
    "WidthsTree",
    "budget_for_inputs",
    "found_for_inputs",
    "free_oracle",
    "input_policy_document",
    "input_policy_rows",
    "judged",
    "meets",
    "problem_of",
    "restricted_oracle",
    "search_input_policy",
    "share_of_gain",
    "widths_tree",
]
