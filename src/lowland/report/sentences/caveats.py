"""What a reader of the curves must know beside them."""

from __future__ import annotations

from collections.abc import Sequence

from lowland.analysis.conditions import group_of
from lowland.analysis.spoiled_shares import SpoiledShare
from lowland.report.score_text import ScoreText
from lowland.vocabulary.labels import condition_label, level_text

_UNITS = {"non_finite_rate": "of the outputs", "blind_rate": "of the rows"}


def caveats(shares: Sequence[SpoiledShare], score: ScoreText) -> dict[str, list[str]]:
    """Sentences by group of disturbances (a key of ``GROUPS``); groups without any are left out.

    Args:
        shares: From ``spoiled_shares``.
        score: Of the task.
    """
    worst = "wrong" if score.is_share else "the worst there is"
    heads = {
        "non_finite_rate": f"Outputs that are no numbers count as {worst}",
        "blind_rate": f"Where the gradient vanishes a gradient attack cannot see, so the {score.left} may flatter",
    }
    parts: dict[tuple[str, str], list[str]] = {}
    for share in shares:
        parts.setdefault((share.measure, group_of(share.condition)), []).append(_where(share))
    found: dict[str, list[str]] = {}
    for (measure, group), places in parts.items():
        found.setdefault(group, []).append(f"{heads[measure]} ({'; '.join(places)}).")
    return found


def _where(share: SpoiledShare) -> str:
    """Where a share is largest, the unit once."""
    units = [f" {_UNITS[share.measure]}", *[""] * (len(share.shares) - 1)]
    each = [
        f"{_per_cent(value)}{unit} of {precision}"
        for (precision, value), unit in zip(share.shares.items(), units, strict=True)
    ]
    place = condition_label(share.condition, share.target)
    return f"{place}, at {level_text(share.condition, share.level)}: {', '.join(each)}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
