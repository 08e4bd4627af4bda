"""What bit policies cost configurations, layers, students and protected networks, from the long table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lowland.analysis.criteria import CONFIGURATION
from lowland.analysis.intervals import normal_quantile
from lowland.analysis.over_seeds import over_seeds
from lowland.vocabulary.measures import MEASURES

FAMILY = "worst_case"
OF_CELLS = ("policy_drop", "policy_broken", "rescaled_drop", "equalized_drop")
ABOUT = ["condition", "target", "level"]


def of_policies(measurements: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Measures of the worst case as means over seeds with t-intervals.

    Args:
        measurements: Rows of the long table, of one half of the held-out rows (``on_split``).
        measures: Which.

    Returns:
        ``task, recipe, precision, method, weight_bits``, ``measure``, ``condition``, ``target``, ``level``, ``mean``,
        ``low``, ``high``, ``half``, ``num_seeds``, ``num_not_ok``, in the order of the table.
    """
    rows = measurements[(measurements.family == FAMILY) & measurements.measure.isin(measures)]
    by = [*CONFIGURATION, "measure", *ABOUT]
    parts = []
    for measure, own in rows.groupby("measure", sort=False):
        known = MEASURES[str(measure)]
        parts.append(over_seeds(own, by=by, ends="zero and one" if known.is_rate else "none"))
    if not parts:
        return pd.DataFrame(columns=[*by, "mean", "low", "high", "half", "num_seeds", "num_not_ok"])
    return pd.concat(parts, ignore_index=True)


def gains_for_inputs(measurements: pd.DataFrame) -> pd.DataFrame:
    """What policies for each input take beyond the worst static one, with 95 % intervals over rows and seeds.

    All seeds met the same rows, whose luck does not average out between them: the error over rows is the root mean
    square of the seeds' errors. Where there are two seeds or more, their t-interval comes on top.

    Args:
        measurements: Rows of the long table, of one half of the held-out rows (``on_split``).

    Returns:
        ``task, recipe, precision, method, weight_bits``, ``target`` (the agent), ``mean``, ``low``, ``high``.
    """
    rows = measurements[(measurements.measure == "input_policy_gain") & (measurements.status == "ok")]
    by = [*CONFIGURATION, "target"]
    found = over_seeds(rows, by=by)
    if found.empty:
        return found[[*by, "mean", "low", "high"]]
    squares = rows.assign(square=rows.standard_error**2).groupby(by, sort=False)["square"].mean()
    over_rows = normal_quantile(0.95) * squares.to_numpy() ** 0.5
    half = (found.half.fillna(0.0) ** 2 + over_rows**2) ** 0.5
    return found.assign(low=found["mean"] - half, high=found["mean"] + half)[[*by, "mean", "low", "high"]]


def lost_to_policies(measurements: pd.DataFrame) -> pd.DataFrame:
    """What every configuration loses to the worst static policy found, a row a configuration.

    Args:
        measurements: Rows of the long table of one task, of one half of the held-out rows.

    Returns:
        ``task, recipe, precision, method, weight_bits``, ``mean_bits`` (of the policies), ``num_seeds`` and, by measure
        of ``OF_CELLS``, its mean, ``<measure>_low`` and ``<measure>_high``; NaN where it was not measured. Students are
        no configurations.
    """
    found = of_policies(measurements[measurements.precision != ""], OF_CELLS)
    found = found[found.num_seeds > 0]
    wide: pd.DataFrame | None = None
    for measure in OF_CELLS:
        own = found[found.measure == measure]
        names = {"mean": measure, "low": f"{measure}_low", "high": f"{measure}_high"}
        facts = {"level": "mean_bits", "num_seeds": "num_seeds"} if measure == "policy_drop" else {}
        columns = own[[*CONFIGURATION, *names, *facts]].rename(columns=names | facts)
        wide = columns if wide is None else wide.merge(columns, on=CONFIGURATION, how="left", sort=False)
    assert wide is not None  # there are measures
    return wide


def lost_through_layers(measurements: pd.DataFrame) -> pd.DataFrame:
    """What every layer loses alone at the fewest bits, means over seeds, layers in the order of the network.

    Args:
        measurements: Rows of the long table of one task, of one half of the held-out rows.

    Returns:
        The columns of ``of_policies``, with a name in ``target`` that float and integer networks share.
    """
    found = of_policies(measurements[measurements.precision != ""], ("layer_drop",))
    return found[found.num_seeds > 0].assign(target=lambda rows: rows.target.map(layer_name))


def layer_name(target: str) -> str:
    """A layer's name without the containers around it, in which float networks and those of integers differ.

    Args:
        target: As the long table has it, such as ``layers.0`` or ``encoder.conv``.
    """
    return target.removeprefix("network.").removeprefix("layers.").replace(".", "_")


def one_level(rows: pd.DataFrame) -> float | None:
    """The level of all rows that have one; ``None`` where there are none or several."""
    levels = rows.level.dropna().unique()
    return float(levels[0]) if len(levels) == 1 else None
