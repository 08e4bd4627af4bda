"""Protections against policies: a table of gain against cost, and what it says."""

from __future__ import annotations

import pandas as pd

from lowland.report.score_text import ScoreText
from lowland.report.sentences.policies import lost_text
from lowland.vocabulary.targets import TARGETS
from lowland.vocabulary.worst_case_measures import NO_PROTECTION

ENOUGH = 0.02
"""What a protected classifier may lose at most to be called protected: 2 points, as in arXiv 2510.02457."""


def protection_label(name: str) -> str:
    """A protection in words."""
    place = TARGETS[name].place if name in TARGETS else name.replace("_", " ")
    return place.removeprefix("with ")


def protection_rows(table: pd.DataFrame, score: ScoreText) -> list[dict[str, str]]:
    """Rows of the table.

    Args:
        table: From ``protections``, of one configuration.
        score: Of the task.
    """
    return [
        {
            "name": protection_label(row.protection),
            "lost": _bare(row.protected_drop, score),
            "interval": "" if row.protected_drop_low != row.protected_drop_low else _between(row, score),
            "gain": "" if row.protection == NO_PROTECTION else _bare(row.protection_gain, score),
            "harm": "" if row.protection == NO_PROTECTION else _bare(row.protection_harm, score),
            "cost": "" if row.protection_cost != row.protection_cost else f"{row.protection_cost:.2g}",
        }
        for row in table.itertuples()
    ]


def protection_sentence(table: pd.DataFrame, chosen: pd.DataFrame, score: ScoreText) -> str:
    """The cheapest protection that is enough, or the one that leaves least.

    Args:
        table: From ``protections``, of one configuration.
        chosen: The same of the rows that choose: which protection is named is found on these, what it leaves is told of
            the others. It is enough where the upper end of its interval is, or its mean where there is no interval.
        score: Of the task.

    Returns:
        Empty without any protection.
    """
    tried = chosen[(chosen.protection != NO_PROTECTION) & chosen.protected_drop.notna()]
    tried = tried[tried.protection.isin(table.protection[table.protected_drop.notna()])]
    if tried.empty:
        return ""
    before = [float(value) for value in table.loc[table.protection == NO_PROTECTION, "protected_drop"]]
    was = "".join(f" in place of {lost_text(value, score)}" for value in before)
    if score.is_share and before and before[0] < ENOUGH:
        return (
            f"Without any protection the worst policy costs {lost_text(before[0], score)}: there is little to protect."
        )
    most = tried.protected_drop_high.fillna(tried.protected_drop)
    enough = tried[most < ENOUGH] if score.is_share else tried.iloc[:0]
    if len(enough):
        name = enough.sort_values("protection_cost", kind="stable").protection.iloc[0]
        head = f"The cheapest protection that keeps the loss under {score.change(ENOUGH)} on the rows that choose"
    else:
        name = tried.sort_values("protected_drop", kind="stable").protection.iloc[0]
        head = f"No protection tried surely keeps the loss under {score.change(ENOUGH)}; the one that leaves least"
        head = head if score.is_share else "The protection that leaves least"
    told = table[table.protection == name].iloc[0]
    cost = float(told.protection_cost)
    price = "" if cost != cost else " at no cost in bits" if cost == 0 else f" for {cost:.2g} more bits on average"
    return f"{head}: {protection_label(name)}, {lost_text(float(told.protected_drop), score)}{was}{price}."


def _between(row: object, score: ScoreText) -> str:
    low, high = (getattr(row, f"protected_drop_{end}") for end in ("low", "high"))
    return f"{score.bare_change(low)} to {score.bare_change(high)}"


def _bare(value: float, score: ScoreText) -> str:
    return "" if value != value else score.bare_change(value)
