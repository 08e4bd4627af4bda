"""The inputs that a policy hits hardest, as a table to look at."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from lowland.worst_case.diagnosis.input_facts import LayerFacts, layer_facts, margins, names_classes
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.space import Widths


def worst_inputs(problem: PolicyProblem, widths: Widths, *, broken: Tensor, count: int) -> pd.DataFrame:
    """Rows by what a policy takes from them: of classifiers the lead of the named class, of others their harm.

    Args:
        problem: The network on the rows that are reported.
        widths: Of the policy.
        broken: Whether the policy changes the decision [rows].
        count: Most rows of the table.

    Returns:
        The worst first: ``row`` (number among the rows), ``lost``, ``margin`` and ``margin_under`` (NaN where outputs
        name no class), ``answer`` and ``answer_under`` (-1 there), ``broken``, ``crest``, ``crest_layer`` (where it is
        highest), ``range`` (in units of the layer's mean), ``input`` (all numbers of it) and ``shape``.
    """
    outputs = problem.outputs(widths)
    facts = layer_facts(problem.subject, problem.inputs)
    before = under = torch.full((len(outputs),), torch.nan, dtype=torch.float64)
    answers = [torch.full((len(outputs),), -1)] * 2
    lost = problem.harms(outputs)
    if names_classes(problem):
        before, under = margins(problem, outputs)
        answers = [each.argmax(1) for each in (problem.reference, outputs)]
        lost = before - under
    order = lost.nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)[:count]
    picked = problem.inputs[order]
    return pd.DataFrame(
        {
            "row": order.numpy(),
            "lost": lost[order].numpy(),
            "margin": before[order].numpy(),
            "margin_under": under[order].numpy(),
            "answer": answers[0][order].numpy(),
            "answer_under": answers[1][order].numpy(),
            "broken": broken[order].numpy(),
            **_of_layers(facts, order),
            "input": list(picked.flatten(1).float().numpy()),
            "shape": [list(picked.shape[1:])] * len(order),
        }
    )


def _of_layers(facts: LayerFacts, order: Tensor) -> dict[str, object]:
    """Columns on what layers read; empty where none sees the rows of the network."""
    if not facts.layers:
        return {"crest": float("nan"), "crest_layer": "", "range": float("nan")}
    where = facts.crests[order].argmax(1).tolist()
    return {
        "crest": facts.highest_crest()[order].numpy(),
        "crest_layer": [facts.layers[number] for number in where],
        "range": facts.largest_range()[order].numpy(),
    }
