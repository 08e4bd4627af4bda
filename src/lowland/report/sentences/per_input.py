"""Policies for each input beside the worst static one and the oracles, as rows and in a sentence."""

from __future__ import annotations

import pandas as pd

from lowland.report.score_text import ScoreText
from lowland.report.sentences.policies import AGENTS, lost_interval, lost_text
from lowland.report.sentences.stability import rate_text

MEASURES = ("input_policy_drop", "oracle_drop", "input_policy_share", "input_policy_bits")
STATIC = "static"
MISSED = 1e-6
"""Of mean bits: what rounding may take from a mean that is met."""
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
    by_agent = {measure: own.set_index("target")["mean"] for measure, own in known.groupby("measure")}
    nothing = pd.Series(dtype=float)
    shares, bits = (by_agent.get(measure, nothing) for measure in ("input_policy_share", "input_policy_bits"))
    drops = known[known.measure.isin(MEASURES[:2])]
    if not (drops.measure == "input_policy_drop").any():
        return []
    order = sorted(drops.itertuples(), key=lambda row: (MEASURES.index(row.measure), row.target != STATIC))
    return [
        {
            "name": _name(row.measure, row.target),
            "lost": score.bare_change(row.mean),
            "interval": lost_interval(row.low, row.high, score),
            "bits": _bits(float(bits[row.target]), float(row.level)) if row.target in bits.index else "",
            "share": rate_text(float(shares[row.target]), "") if row.target in shares.index else "",
        }
        for row in order
    ]


def input_policy_sentence(numbers: pd.DataFrame, gains: pd.DataFrame, chosen: pd.DataFrame, score: ScoreText) -> str:
    """What choosing widths for each input adds to the worst static policy of the same networks.

    Args:
        numbers: As in ``input_policy_rows``.
        gains: From ``gains_for_inputs``, of the same configuration.
        chosen: The same of the rows that choose, by which the agent is named.
        score: Of the task.

    Returns:
        Empty where no policy for each input was searched for.
    """
    known = numbers[(numbers.num_seeds > 0) & (numbers.measure == "input_policy_drop")].set_index("target")["mean"]
    if gains.empty or STATIC not in known.index:
        return ""
    order = chosen if len(chosen) else gains
    agent = str(order.loc[order["mean"].idxmax(), "target"])
    gain = gains[gains.target == agent].iloc[0]
    verdict = "It cannot be told from the static one"
    if gain.low > 0:
        verdict = "Choosing for each input surely does more harm"
    elif gain.high < 0:
        verdict = "It surely does less harm"
    between = f"{score.bare_change(gain.low)} to {score.bare_change(gain.high)}"
    return (
        f"The policy for each input that {AGENTS.get(agent, agent.replace('_', ' '))} found costs "
        f"{lost_text(float(known[agent]), score)}, the worst static policy of the same networks "
        f"{lost_text(float(known[STATIC]), score)}. {verdict} (row by row: {score.bare_change(gain['mean'])}, 95 % "
        f"{between})."
    )


def _bits(spent: float, asked: float) -> str:
    """Mean bits, marked where they miss the mean that they were searched at."""
    return f"{spent:.2f}" + (" (misses the mean)" if spent < asked - MISSED else "")


def _name(measure: str, target: str) -> str:
    if target == STATIC:
        return "worst static policy"
    if measure == "oracle_drop":
        return ORACLES.get(target, target.replace("_", " "))
    return f"for each input: {AGENTS.get(target, target.replace('_', ' '))}"
