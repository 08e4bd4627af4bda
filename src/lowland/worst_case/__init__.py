"""The worst that a policy of activation widths can do to a network under dynamic quantization, and what protects it."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.budget import Budget
    from lowland.worst_case.deployed_subject import dynamic_precision, subject_of
    from lowland.worst_case.policies import POLICIES, Policy, StaticPolicy, policy_from_spec
    from lowland.worst_case.problem import PolicyProblem, Rows
    from lowland.worst_case.subject import PolicySubject
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "POLICIES",
    "Budget",
    "Policy",
    "PolicyProblem",
    "PolicySubject",
    "Rows",
    "StaticPolicy",
    "dynamic_precision",
    "policy_from_spec",
    "subject_of",
]
