"""Policies for each input beside the worst static one and the oracles, as rows and in a sentence."""

from __future__ import annotations

import pandas as pd

from lowland.report.score_text import ScoreText
from lowland.report.sentences.policies import AGENTS, lost_interval, lost_text
from lowland.report.sentences.stability import rate_text

MEASURES = ("policy_drop", "input_policy_drop", "oracle_drop", "input_policy_share")
ORACLES = {
    "restricted": "oracle that is told what the layers read",
    "free": "oracle that knows the right answer",
}


def input_policy_rows(numbers: pd.DataFrame, score: ScoreText) -> list[dict[str, str]]:
    """Rows of the table: the worst static policy, what agents found for each input, and the oracles.

    Args:
        numbers: From ``of_policies``, of ``MEASURES`` and one configuration.
        score: Of the task.

    Returns:
        Empty where no policy for each input was searched for.
    """
    known = numbers[numbers.num_seeds > 0]
    shares = known[known.measure == "input_policy_share"].set_index("target")["mean"]
    drops = known[known.measure.isin(MEASURES[:3])]
    if not (drops.measure == "input_policy_drop").any():
        return []
    order = sorted(drops.itertuples(), key=lambda row: MEASURES.index(row.measure))
    return [
        {
            "name": _name(row.measure, row.target),
            "lost": score.bare_change(row.mean),
            "interval": lost_interval(row.low, row.high, score),
            "share": rate_text(float(shares[row.target]), "")
            if row.measure == "input_policy_drop" and row.target in shares.index
            else "",
        }
        for row in order
    ]


def input_policy_sentence(numbers: pd.DataFrame, score: ScoreText) -> str:
    """What choosing widths for each input adds to the worst static policy.

    Args:
        numbers: As in ``input_policy_rows``.
        score: Of the task.

    Returns:
        Empty where no policy for each input was searched for.
    """
    known = numbers[numbers.num_seeds > 0]
    found = known[known.measure == "input_policy_drop"].sort_values("mean", ascending=False, kind="stable")
    if found.empty:
        return ""
    best = found.iloc[0]
    static = known.loc[known.measure == "policy_drop", "mean"]
    beside = "".join(f", the worst static policy {lost_text(float(value), score)}" for value in static)
    verdict = ""
    if len(static):
        verdict = (
            " Choosing for each input does more harm." if best["mean"] > static.iloc[0] else " It does no more harm."
        )
    return (
        f"The policy for each input that {AGENTS.get(best.target, best.target.replace('_', ' '))} found costs "
        f"{lost_text(float(best['mean']), score)}{beside}.{verdict}"
    )


def _name(measure: str, target: str) -> str:
    if measure == "policy_drop":
        return "worst static policy"
    if measure == "oracle_drop":
        return ORACLES.get(target, target.replace("_", " "))
    return f"for each input: {AGENTS.get(target, target.replace('_', ' '))}"
