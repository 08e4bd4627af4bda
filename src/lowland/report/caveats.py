"""What a reader of the curves must know beside them: outputs that are no numbers, attacks that could not see."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.conditions import KEYS, condition_label, group_of, level_text
from lowland.analysis.score import score_of
from lowland.vocabulary.families import DISTURBANCES

BLIND = 0.01  # share of rows from which on it is said that an attack could not see


def caveats(measurements: pd.DataFrame) -> dict[str, list[str]]:
    """Sentences by group of disturbances (a key of ``GROUPS``); groups without any are left out.

    Args:
        measurements: The long table of one task.
    """
    found: dict[str, list[str]] = {}
    score = score_of(measurements)
    worst = "wrong" if score.is_share else "the worst there is"
    for measure, threshold, head, unit in (
        ("non_finite_rate", 0.0, f"Outputs that are no numbers count as {worst}", "of the outputs"),
        (
            "blind_rate",
            BLIND,
            f"Where the gradient vanishes a gradient attack cannot see, so the {score.left} may flatter",
            "of the rows",
        ),
    ):
        groups: dict[str, list[str]] = {}
        for condition, target, level, shares in _worst(measurements, measure, threshold):
            each = [f"{_per_cent(share)} of {precision}" for precision, share in shares.items()]
            listed = ", ".join([each[0].replace(" of ", f" {unit} of ", 1), *each[1:]])
            said = f"{condition_label(condition, target)}, at {level_text(condition, level)}: {listed}"
            groups.setdefault(group_of(condition), []).append(said)
        for group, parts in groups.items():
            found.setdefault(group, []).append(f"{head} ({'; '.join(parts)}).")
    return found


def _worst(
    measurements: pd.DataFrame, measure: str, threshold: float
) -> list[tuple[str, str, float, dict[str, float]]]:
    """Condition, target, the level with the largest share, and the precisions above the threshold there."""
    rows = measurements[
        measurements.family.isin(DISTURBANCES)
        & (measurements.measure == measure)
        & (measurements.status == "ok")
        & measurements.level.notna()
    ]
    found = []
    for (_, condition, target), group in rows.groupby(KEYS, sort=False):
        shares = group.groupby(["level", "precision"], sort=False)["value"].mean()
        level, _ = shares.idxmax()
        here = {str(p): float(share) for p, share in shares.loc[level].items() if share > threshold}
        if here:
            found.append((str(condition), str(target), float(level), here))
    return found


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
