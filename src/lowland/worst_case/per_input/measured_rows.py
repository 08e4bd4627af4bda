"""Policies for each input beside the oracles and the best static policy, as rows of the long table."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.measurements import Measurement, Split
from lowland.randomness import Key, generator
from lowland.worst_case.budget import Budget
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.per_input.input_problem import InputProblem, judged, meets
from lowland.worst_case.per_input.input_search import InputSearchResult, search_input_policy
from lowland.worst_case.per_input.options import InputPolicyOptions
from lowland.worst_case.per_input.oracle_free import free_oracle
from lowland.worst_case.per_input.oracle_restricted import RestrictedOracle, restricted_oracle
from lowland.worst_case.per_input.share import share_of_gain
from lowland.worst_case.per_input.tree_of_widths import check_tree, widths_tree
from lowland.worst_case.problem import Harm, PolicyProblem, Rows

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundForInputs:
    """What was found on searching rows.

    Attributes:
        given: Those rows, the budget and the static policy.
        labels: Whether harm is score lost, and not decisions that change.
        policies: The search of each agent.
        restricted: The oracle that is told what layers read; None where there are too many widths to try all.
    """

    given: InputProblem
    labels: bool
    policies: Mapping[str, InputSearchResult]
    restricted: RestrictedOracle | None


def problem_of(cell: JudgedCell, rows: Rows, options: InputPolicyOptions) -> PolicyProblem:
    """Rows with the harm that options ask for."""
    if options.labels:
        return cell.on(rows)
    with torch.no_grad():
        reference = cell.subject(rows.inputs)
    return PolicyProblem(cell.subject, rows.inputs, reference, _changed(cell))


def found_for_inputs(given: InputProblem, options: InputPolicyOptions, *, key: tuple[Key, ...]) -> FoundForInputs:
    """Searches with every agent, and makes the restricted oracle.

    Args:
        given: Searching rows.
        options: Agents and evaluations.
        key: Keys what agents draw.
    """
    policies = {
        agent: search_input_policy(
            given, agent, evaluations=options.evaluations, generator=generator(*key, "input policy", agent)
        )
        for agent in options.agents
    }
    restricted = None
    try:
        check_tree(given.budget)
        tree = widths_tree(given.problem, given.budget)
        restricted = restricted_oracle(tree, given.table_bins, least=options.least)
    except LowlandError as error:
        _log.warning("no oracle: %s", error)
    return FoundForInputs(given, options.labels, policies, restricted)


def input_policy_rows(
    found: FoundForInputs, judged_rows: Mapping[Split, PolicyProblem], *, key: tuple[Key, ...]
) -> tuple[list[Measurement], dict[str, Any]]:
    """What policies and oracles cost on rows that nothing was searched on, and what they spend there, jsonable.

    Args:
        found: On searching rows.
        judged_rows: Rows by the split that they are.
        key: Keys the bootstrap.
    """
    rows: list[Measurement] = []
    spent: dict[str, Any] = {}
    for split, problem in judged_rows.items():
        static = problem.harms(problem.outputs(found.given.static))
        harms, spent[split] = _oracles(found, problem)
        lost_to, budget = ("drop" if found.labels else "broken"), found.given.budget
        rows.append(_row(f"input_policy_{lost_to}", problem.estimate(static), "static", budget, split))
        for name in ("restricted", "free"):
            lost = Estimate.from_samples(harms[name]) if name in harms else Estimate.missing("undefined")
            rows.append(_row(f"oracle_{lost_to}", lost, name, budget, split))
        for agent, result in found.policies.items():
            done = judged(problem, result.policy)
            met = meets(found.given.budget, done.bits)
            spent[split][agent] = {"mean_bits": done.mean_bits, "met": met}
            rows += [
                _row(f"input_policy_{lost_to}", Estimate.from_samples(done.harms), agent, budget, split),
                _row("input_policy_gain", Estimate.from_samples(done.harms - static), agent, budget, split),
                _row("input_policy_bits", Estimate.from_samples(done.bits), agent, budget, split),
            ]
            share, limits = Estimate.missing("undefined"), {}
            for name, oracle in harms.items():
                draws = generator(*key, "share", agent, split)
                of_gain = share_of_gain(done.harms, static, oracle, draws)
                limits[name] = [of_gain.estimate.value, of_gain.lower, of_gain.upper]
                share = of_gain.estimate if name == "restricted" else share
            rows.append(_row("input_policy_share", share, agent, budget, split))
            spent[split][agent]["share"] = limits
    return rows, spent


def input_policy_document(found: FoundForInputs) -> dict[str, Any]:
    """Budget, policies and their searches, jsonable."""
    budget, restricted = found.given.budget, found.restricted
    return {
        "over": budget.over,
        "mean_bits": budget.mean_bits,
        "static": dict(zip(found.given.problem.subject.layers, found.given.static, strict=True)),
        "static_drop": found.given.problem.drop(found.given.static),
        "restricted": None if restricted is None else {"drop": restricted.drop, "bound": restricted.bound},
        "policies": {
            agent: {"policy": result.policy.spec, **result.document}  # type: ignore[attr-defined]  # all in POLICIES
            for agent, result in found.policies.items()
        },
    }


def budget_for_inputs(cell: JudgedCell, stage: WorstCaseOptions, options: InputPolicyOptions) -> Budget:
    """The stage's mean over the elements of a cell."""
    return Budget(stage.choices, stage.mean_bits, cell.subject.elements, over=options.over)


def _oracles(found: FoundForInputs, problem: PolicyProblem) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Harm of every row under both oracles, and what they spend; nothing where there is none."""
    if found.restricted is None:
        return {}, {}
    budget = found.given.budget
    tree = widths_tree(problem, budget)
    free = free_oracle(tree)
    leaves = {"restricted": found.restricted.decisions.leaves(tree), "free": free.leaves}
    harms = {name: tree.harms.gather(1, each[:, None])[:, 0] for name, each in leaves.items()}
    spent: dict[str, Any] = {}
    for name, each in leaves.items():
        bits = budget.mean(tree.leaves)[each]
        spent[name] = {"mean_bits": float(bits.mean()), "met": meets(budget, bits)}
    spent["free"]["bound"] = free.bound
    return harms, spent


def _row(measure: str, lost: Estimate, target: str, budget: Budget, split: Split) -> Measurement:
    return Measurement("worst_case", measure, lost, target=target, level=float(budget.mean_bits), split=split)


def _changed(cell: JudgedCell) -> Harm:
    """1 where the decision is another one than without a policy; rows of no finite output count, too."""

    def changed(outputs: Tensor, reference: Tensor) -> Tensor:
        differs = cell.decisions(outputs) != cell.decisions(reference)
        return (differs | ~outputs.isfinite().flatten(1).all(1)).double()

    return changed
