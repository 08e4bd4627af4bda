"""Tables beside the long one, on their way from the cells to the report."""

from __future__ import annotations

import pandas as pd

FACTS = "facts"  # the column of a task's pictures that tells what is known of the task before any training


def gather_frames(*frames: pd.DataFrame | None) -> pd.DataFrame:
    """Learning curves or pictures on top of each other; ``None`` stands for a child that left nothing."""
    present = [frame for frame in frames if frame is not None and len(frame)]
    return pd.concat(present, ignore_index=True) if present else pd.DataFrame()


def pictures_of(album: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What is drawn, by kind, of the pictures of tasks: without the facts that come along.

    Args:
        album: The tasks' pictures on top of each other, with the column ``picture``.
    """
    drawn = album[album[FACTS].isna()].drop(columns=FACTS) if FACTS in album else album
    return dict(iter(drawn.groupby("picture", sort=False))) if len(drawn) else {}
