"""How far configurations still say what their references say, on nominal and on shifted data, from the long table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lowland.analysis.criteria import CELL, CONFIGURATION
from lowland.analysis.intervals import Ends, normal_quantile, t_interval
from lowland.analysis.over_seeds import over_seeds

FAMILY = "disagreement"
NOMINAL, ALL_SHIFTED = "", "all shifted sets"
"""The nominal rows, and in the column ``condition`` of what is made here the mean over all shifted sets."""
CHANGES = ("churn", "accuracy_lost", "negative_flips", "positive_flips", "wrong_to_other_wrong", "excess_churn")
NOT_SHARES = ("accuracy_lost", "excess_churn")


def changed_answers(measurements: pd.DataFrame) -> pd.DataFrame:
    """Rates of changed answers of every cell, on every set and as the mean over the shifted ones.

    Args:
        measurements: Rows of the long table, of one half of the held-out rows (``on_split``).

    Returns:
        ``task, recipe, seed, precision, method, weight_bits``, ``reference``, ``reference_kind``, ``condition``,
        ``measure``, ``value``, ``standard_error`` (NaN of means), ``num_samples``, ``status``. A mean over sets is
        ``undefined`` where one of them has no number, and stands only where there are two shifted sets or more.
    """
    rows = measurements[
        (measurements.family == FAMILY) & measurements.measure.isin(CHANGES) & (measurements.target == "")
    ]
    names = [*CELL, "reference", "reference_kind", "condition", "measure"]
    found = rows[[*names, "value", "standard_error", "num_samples", "status"]]
    shifted = found[found.condition != NOMINAL].assign(good=lambda frame: frame.status == "ok")
    by = [name for name in names if name != "condition"]
    grouped = shifted.groupby(by, sort=False, dropna=False)
    means = grouped.agg(
        value=("value", "mean"), good=("good", "all"), sets=("value", "size"), num_samples=("num_samples", "sum")
    ).reset_index()
    means = means[means.sets > 1].assign(condition=ALL_SHIFTED, standard_error=np.nan)
    means["status"] = np.where(means.good, "ok", "undefined")
    means["value"] = means.value.where(means.good)
    return pd.concat([found, means[found.columns]], ignore_index=True) if len(means) else found.reset_index(drop=True)


def changes_of_configurations(changes: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds (of the reference ``seed``, over pairs of them) with t-intervals.

    Of several runtimes every cell has its mean first: they answer for one network, so that they are no further seeds.

    Args:
        changes: From ``changed_answers``.

    Returns:
        ``task, recipe, precision, method, weight_bits``, ``reference_kind``, ``condition``, ``measure``, ``mean``,
        ``low``, ``high``, ``num_seeds``, ``num_not_ok``. Pairs of seeds share seeds: their means have no interval.
    """
    by = [*CONFIGURATION, "reference_kind", "condition", "measure"]
    changes = _one_runtime(changes)
    shares = ~changes.measure.isin(NOT_SHARES)
    kinds: tuple[tuple[pd.DataFrame, Ends], ...] = ((changes[shares], "zero and one"), (changes[~shares], "none"))
    parts = [over_seeds(part, by=by, ends=ends) for part, ends in kinds if len(part)]
    if not parts:
        return pd.DataFrame(columns=[*by, "mean", "low", "high", "half", "num_seeds", "num_not_ok"])
    found = pd.concat(parts, ignore_index=True)
    found.loc[found.reference_kind == "seed", ["low", "high", "half"]] = np.nan
    return found


def _one_runtime(changes: pd.DataFrame) -> pd.DataFrame:
    """The same with one row a cell for all runtimes that gave a number, in place of a row a runtime."""
    among = changes.reference_kind == "runtime"
    if not among.any():
        return changes
    by = [*CELL, "reference_kind", "condition", "measure"]
    good = changes[among].assign(value=lambda rows: rows.value.where(rows.status == "ok"))
    means = good.groupby(by, sort=False, dropna=False).agg(value=("value", "mean")).reset_index()
    means["status"] = np.where(means.value.notna(), "ok", "undefined")
    return pd.concat([changes.loc[~among, [*by, "value", "status"]], means], ignore_index=True)


def paired_difference(
    changes: pd.DataFrame, first: str, second: str, *, condition: str = NOMINAL, reference_kind: str = "float"
) -> tuple[float, float, float, int]:
    """How much more often one precision answers otherwise than its reference than another precision does.

    The difference is taken within each run, averaged over the seeds of a recipe, and its interval is over recipes: runs
    of one recipe are no independent pieces of evidence about recipes.

    Args:
        changes: From ``changed_answers``, of one task.
        first: A precision.
        second: The precision that is subtracted.
        condition: Where: the nominal rows, a shifted set, or ``ALL_SHIFTED``.
        reference_kind: What both are compared with.

    Returns:
        Mean, lower and upper end of a 95 % t-interval (NaN with fewer than two recipes), and the number of recipes.
    """
    rows = changes[
        (changes.measure == "churn")
        & (changes.condition == condition)
        & (changes.reference_kind == reference_kind)
        & (changes.status == "ok")
    ]
    wide = rows.pivot_table(index=["recipe", "seed"], columns="precision", values="value", sort=False)
    if first not in wide or second not in wide:
        return (*t_interval([]), 0)
    by_recipe = (wide[first] - wide[second]).dropna().groupby("recipe", sort=False).mean()
    return (*t_interval(by_recipe.tolist()), len(by_recipe))


def detectors(measurements: pd.DataFrame, *, precisions: Sequence[str] | None = None) -> pd.DataFrame:
    """How well each measure of uncertainty tells where a cell disagrees with its float network.

    Of whether a detector is better than another within one cell and set, DeLong's test says something; across cells and
    sets, which share rows, only counts are given here.

    Args:
        measurements: Rows of the long table, of one half of the held-out rows.
        precisions: Of which cells; all without it.

    Returns:
        One row a detector in order of appearance: ``detector``, ``nominal`` and ``shifted`` (mean areas over the cells
        and sets that have one), ``areas`` (how many these are), ``compared`` (cells and sets in which the first
        detector could be compared with it; without an error of the difference there is no test), ``first_ahead`` and
        ``first_behind`` (in how many of these the difference has a two-sided p below 0.05).
    """
    rows = measurements[(measurements.family == FAMILY) & (measurements.reference_kind == "float")]
    if precisions is not None:
        rows = rows[rows.precision.isin(precisions)]
    areas = rows[(rows.measure == "detection_auroc") & rows.value.notna()]
    ahead = rows[(rows.measure == "detection_advantage") & (rows.status == "ok") & (rows.standard_error > 0)]
    z = ahead.value / ahead.standard_error
    limit = normal_quantile(0.95)
    found = []
    for name, own in areas.groupby("target", sort=False):
        about = ahead.target == name
        found.append(
            {
                "detector": str(name),
                "nominal": float(own[own.condition == NOMINAL].value.mean()),
                "shifted": float(own[own.condition != NOMINAL].value.mean()),
                "areas": len(own),
                "compared": int(about.sum()),
                "first_ahead": int((z[about] > limit).sum()),
                "first_behind": int((z[about] < -limit).sum()),
            }
        )
    names = ("detector", "nominal", "shifted", "areas", "compared", "first_ahead", "first_behind")
    return pd.DataFrame(found, columns=list(names))
