"""Numbers of docs/shift.md from the long table of a finished study, and from published ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.intervals import t_interval
from lowland.analysis.stability import ALL_SHIFTED, changed_answers
from lowland.retraining import ARMS


def reference_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Churn by what networks are compared with, a row a precision: t-intervals over recipes and seeds.

    Of the sets of the long table: the nominal rows and the task's own shifted sets. A float precision is the control.
    """
    changes = changed_answers(table)
    changes = changes[(changes.measure == "churn") & (changes.status == "ok")]
    changes = changes[changes.reference_kind.isin(["float", "fake_float"])]
    if not (changes.reference_kind == "fake_float").any():
        return []
    answered = changes[changes.method.isin(["float", "qat", "ptq"])]
    found = []
    for (task, precision), own in answered.groupby(["task", "precision"], sort=False):
        sides = {}
        for kind in ("float", "fake_float"):
            rows = own[own.reference_kind == kind]
            parts = (rows[rows.condition == ""], rows[_shifted(rows)])
            sides[kind] = [t_interval(part.groupby(["recipe", "seed"]).value.mean().tolist()) for part in parts]
        networks = len(own[["recipe", "seed"]].drop_duplicates())
        found.append({"task": task, "precision": precision, "networks": networks, **sides})
    return found


def coverage_areas(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """By measure of uncertainty: area under churn and coverage, and the churn itself, which is the area by chance.

    Means over the pairs of a network and a set (the nominal rows, the task's own shifted sets) with answers that differ
    from the run's float network's in ten rows or more.

    Args:
        table: Rows of the long table, of one task, of test rows and of the precisions that count.
    """
    by = ["recipe", "seed", "precision", "condition"]
    rows = table[(table.family == "disagreement") & (table.reference_kind == "float") & (table.status == "ok")]
    churn = rows[(rows.measure == "churn") & (rows.target == "")][[*by, "value"]]
    areas = rows[rows.measure == "churn_coverage_area"]
    both = areas.merge(churn, on=by, suffixes=("", "_by_chance"), validate="many_to_one")
    means = both.groupby("target", sort=False)[["value", "value_by_chance"]].mean()
    return {str(name): (float(area), float(chance)) for name, area, chance in means.itertuples()}


def abstention_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """What networks answer that abstain above a proved threshold, a row a task, kind of error and risk.

    A network that proved nothing answers nothing; the realised risk is the mean over those that answer.
    """
    rows = table[(table.family == "disagreement") & (table.split == "test")]
    kept = rows[rows.measure.isin(["answered_share", "risk_among_answered"])]
    found = []
    for (task, kind, risk), own in kept.groupby(["task", "reference_kind", "level"], sort=False):
        numbers = {}
        for place, part in (("nominal", own[own.condition == ""]), ("shifted", own[_shifted(own)])):
            shares = part[part.measure == "answered_share"]
            risks = part[(part.measure == "risk_among_answered") & (part.status == "ok")]
            numbers[place] = {
                "answered": mean_of(shares.value.where(shares.status == "ok", 0.0)),
                "risk": mean_of(risks.value),
                "broken": int((risks.groupby(["recipe", "seed", "precision"]).value.mean() > risk).sum()),
            }
        nominal = own[(own.condition == "") & (own.measure == "answered_share")]
        proved = int((nominal.status == "ok").sum())
        found.append({"task": task, "kind": kind, "risk": risk, "networks": len(nominal), "proved": proved, **numbers})
    return found


def retraining_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Fourth question, a row a task, place and arm: shares of test rows before and after, means over networks."""
    rows = table[(table.family == "disagreement") & (table.split == "test") & (table.status == "ok")]
    found = []
    for task, part in rows[rows.measure == "remaining_disagreements"].groupby("task", sort=False):
        own = rows[rows.task == task]
        for place, chosen in (("nominal", own[own.condition == ""]), ("shifted", own[own.condition != ""])):
            cells = chosen.groupby(["measure", "target", "recipe", "seed", "precision"]).value.mean()
            same = ["recipe", "seed", "precision", "condition"]
            measures = set(chosen.measure)
            if "old_disagreements" not in measures:
                continue
            for arm in [name for name in ARMS if name in set(part.target)]:
                numbers = {
                    name: t_interval(cells[name, arm].tolist())
                    for name in ("remaining_disagreements", "new_disagreements", "disagreements_removed")
                    if (name, arm) in cells.index
                }
                left = chosen[(chosen.measure == "remaining_disagreements") & (chosen.target == arm)]
                old = chosen[chosen.measure == "old_disagreements"].merge(left[same].drop_duplicates(), on=same)
                before = old.groupby(same[:-1]).value.mean()  # of the networks that were retrained
                ahead = cells["retraining_advantage"].tolist() if "retraining_advantage" in measures else []
                found.append(
                    {
                        "task": task,
                        "place": place,
                        "arm": arm,
                        "networks": len(cells["remaining_disagreements", arm]),
                        "before": float(before.mean()),
                        "numbers": numbers,
                        "advantage": t_interval(ahead) if arm == ARMS[0] else None,
                    }
                )
    return found


def published_shift(published: dict[str, Any]) -> list[dict[str, Any]]:
    """The published counts with standard training: nominal, mean of the shifted sets, sets above the nominal one."""
    return [
        {
            "architecture": name,
            "format": form,
            "nominal": counts[0],
            "shifted": float(np.mean(counts[1:])),
            "above": sum(count > counts[0] for count in counts[1:]),
            "sets": len(counts) - 1,
        }
        for name, strategies in published["disagreements"].items()
        for form, counts in strategies["standard"].items()
    ]


def published_training(published: dict[str, Any]) -> list[dict[str, Any]]:
    """The published means over shifted sets by way of training."""
    return [
        {"architecture": name, "format": form}
        | {strategy: float(np.mean(formats[form][1:])) for strategy, formats in strategies.items()}
        for name, strategies in published["disagreements"].items()
        for form in strategies["standard"]
    ]


def _shifted(rows: pd.DataFrame) -> pd.Series:
    return ~rows.condition.isin(["", ALL_SHIFTED])


def mean_of(values: pd.Series) -> float:
    """The mean; not a number of none."""
    return float(values.mean()) if len(values) else float("nan")
