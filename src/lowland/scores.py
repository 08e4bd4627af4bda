"""Which way a headline score goes, and what its loss is called."""

from __future__ import annotations

from lowland.vocabulary.measures import MEASURES


def sign(score: str) -> int:
    """The factor that makes the better of two values of a headline score the larger: 1, or -1 where lower is better."""
    return 1 if MEASURES[score].higher_is_better else -1


def deterioration(score: str) -> str:
    """Name of the measure of what a disturbance costs of a headline score: positive is harm, whatever the direction."""
    return f"{score}_drop" if sign(score) > 0 else f"{score}_rise"
