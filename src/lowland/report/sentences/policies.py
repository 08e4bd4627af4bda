"""What bit policies cost, in sentences: the worst one, single layers, scales of channels."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.report.score_text import ScoreText
from lowland.report.sentences.stability import rate_text
from lowland.report.words import plural

AGENTS = {
    "greedy": "a greedy search",
    "cross_entropy": "the cross-entropy method",
    "random": "random draws",
    "exhaustive": "a search of all policies",
    "ppo": "reinforcement learning (PPO)",
}


def bits_text(bits: float) -> str:
    """A width: 5 bits, 5.5 bits, 1 bit."""
    return f"{bits:g} {plural(1 if bits == 1 else 2, 'bit')}"


def lost_text(lost: float, score: ScoreText) -> str:
    """A loss of the score with its unit: 12 points; nothing, where it is none."""
    return score.change(lost) if lost > 0 else "nothing"


def lost_interval(low: float, high: float, score: ScoreText) -> str:
    """The interval of a loss without its unit; empty where there is none."""
    return "" if low != low else f"{score.bare_change(low)} to {score.bare_change(high)}"


def worst_sentence(row: Any, clean: float, score: ScoreText) -> str:
    """What the worst policy does to one configuration.

    Args:
        row: From ``lost_to_policies``.
        clean: Its score without a policy.
        score: Of the task.
    """
    before = f"the {score.label}" if clean != clean else f"the {score.label} of {score.text(clean)}"
    before += " (counted from the network in 8-bit dynamic arithmetic)" if row.method == "float" else ""
    policy = f"the worst policy found at no fewer than {bits_text(row.mean_bits)} on average"
    seeds = f", the mean over {row.num_seeds} seeds" if row.num_seeds > 1 else ""
    changed = "" if row.policy_broken != row.policy_broken else rate_text(row.policy_broken)
    answers = f" It changes {changed} of the answers." if changed else ""
    if row.policy_drop <= 0:
        return f"{policy} does not harm {before} on test rows{seeds}.{answers}"
    interval = lost_interval(row.policy_drop_low, row.policy_drop_high, score)
    sure = f" (95 % over seeds: {interval})" if interval else ""
    return f"{policy} takes {lost_text(row.policy_drop, score)}{sure} from {before}{seeds}.{answers}"


def layer_sentence(drops: pd.DataFrame, fewest: float | None, score: ScoreText) -> str:
    """Through which layer a configuration loses most.

    Args:
        drops: From ``lost_through_layers``, of one configuration.
        fewest: Bits of the one layer.
        score: Of the task.

    Returns:
        Empty where nothing is known of layers.
    """
    known = drops[drops["mean"].notna()].sort_values("mean", ascending=False, kind="stable")
    if known.empty or fewest is None:
        return ""
    first = known.iloc[0]
    if first["mean"] <= 0:
        return f"No single layer at {bits_text(fewest)} costs anything while the others keep their width."
    sentence = f"Of all layers, each alone at {bits_text(fewest)}, layer {first.target} costs most, "
    sentence += lost_text(float(first["mean"]), score)
    if len(known) > 1:
        second = known.iloc[1]
        sentence += f"; then layer {second.target}, {lost_text(float(second['mean']), score)}"
    return f"{sentence}."


def search_sentence(searches: pd.DataFrame) -> str:
    """How the policies of a task were searched for.

    Args:
        searches: The pictures ``policy_search`` of a task.

    Returns:
        Empty without any.
    """
    if searches.empty:
        return ""
    agents = list(dict.fromkeys(searches.agent))
    who = AGENTS.get(agents[0], agents[0].replace("_", " ")) if len(agents) == 1 else "several agents"
    by = ["recipe", "seed", "precision"]
    tried = searches.groupby(by, sort=False).evaluation.max()
    ended = searches.groupby(by, sort=False).search_status.first()
    fewest, most = int(tried.min()), int(tried.max())
    counts = f"{most}" if fewest == most else f"{fewest} to {most}"
    whole = int((ended == "complete").sum())
    sure = ""
    if whole == len(ended):
        sure = " All policies that meet the budget were tried: on the rows of the search there is no worse one."
    elif whole:
        sure = f" For {whole} of {len(ended)} networks these were all policies that meet the budget."
    return f"Found by {who} among {counts} {plural(most, 'policy', 'policies')} a network.{sure}"


def rescaling_sentence(row: Any, score: ScoreText) -> str:
    """What the scales of channels do to a configuration, and what equalization restores.

    Args:
        row: From ``lost_to_policies``.
        score: Of the task.

    Returns:
        Empty where its channels were not rescaled.
    """
    parts = []
    if row.rescaled_drop == row.rescaled_drop:
        parts.append(
            "Channels can be rescaled against each other so that the float network stays the same function. Done to "
            f"harm, this costs {lost_text(row.rescaled_drop, score)} in 8-bit dynamic arithmetic, without any policy."
        )
    if row.equalized_drop == row.equalized_drop:
        left, was = lost_text(row.equalized_drop, score), lost_text(row.policy_drop, score)
        parts.append(
            "Equalization makes the ranges of channels alike, whatever their scales were; searched for after it, the "
            f"worst policy costs {left}, before it {was}."
        )
    return " ".join(parts)


def recipes_sentence(told: pd.DataFrame, chosen: pd.DataFrame, precision: str, score: ScoreText) -> str:
    """Which recipe loses least and which most at one precision, found on one half of the rows and told on the other.

    Args:
        told: From ``lost_to_policies``, of the rows that are reported.
        chosen: The same of the rows that choose.
        precision: Of the recipes.
        score: Of the task.

    Returns:
        Empty with fewer than two recipes, or where all lose alike.
    """
    known, order = (
        rows[rows.precision == precision].set_index("recipe").policy_drop.dropna() for rows in (told, chosen)
    )
    order = order[order.index.isin(known.index)]
    if len(order) < 2:
        return ""
    least, most = str(order.idxmin()), str(order.idxmax())
    if least == most:
        return ""
    if known[least] >= known[most]:
        return f"Which of {len(order)} recipes at {precision} loses least is not the same on both halves of the rows."
    return (
        f"Of {len(order)} recipes at {precision}, {least} loses least ({lost_text(float(known[least]), score)}) and "
        f"{most} most ({lost_text(float(known[most]), score)}), as they did on the rows that chose them."
    )
