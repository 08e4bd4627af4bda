"""Numbers of docs/certification.md from the long tables of finished studies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lowland.analysis.certificates import FAMILY, KNOWN
from lowland.analysis.splits import on_split

CONFIGURATION = ["task", "recipe", "precision"]
STORED = "weights+biases"
LINEAR = "_linear"
"""What a task's name ends with whose network has no activations between its layers."""
RATE = 1e-3
"""Of random flips."""
LANDSCAPE = ("flip_curvature", "input_curvature", "hessian_trace", "largest_eigenvalue", "rounding_curvature")
ROBUSTNESS = (("bit_flip", "bit_error_rate"), ("noise", "gaussian"), ("adversarial", "fgsm_linf"))


class Relation(NamedTuple):
    """A rank correlation over configurations.

    Attributes:
        name: Of what is compared.
        rho: Spearman's, over ranks within each task.
        at_equal_accuracy: The same of what is left of the ranks once accuracy's are regressed out.
        p: Its two-sided p-value; configurations are taken as independent, which those of one recipe are not.
        number: Of configurations.
    """

    name: str
    rho: float
    p: float
    at_equal_accuracy: float
    number: int


def reported(folder: Path) -> pd.DataFrame:
    """The long table of a finished study, of test rows.

    Args:
        folder: Of the study's data.
    """
    return on_split(pd.read_parquet(folder / "08_reporting" / "measurements.parquet"), "test")


def proved(table: pd.DataFrame, measure: str, target: str = "") -> pd.DataFrame:
    """Rows of one measure of the certificates whose value holds."""
    chosen = table[(table.family == FAMILY) & (table.measure == measure) & (table.target == target)]
    return chosen[chosen.status.isin(KNOWN)]


def pairs_of_activations(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Tasks with ReLU and with nothing between their layers."""
    tasks = list(dict.fromkeys(table.task))
    return [(task, task + LINEAR) for task in tasks if task + LINEAR in tasks]


def by_bits(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """What is proved of a task's float networks by bits: means over recipes and seeds.

    Returns:
        Indexed by bits, falling: ``proved``, ``at_most``, ``margin_loss``, ``confidence``, ``networks``.
    """
    names = {
        "certified_share": "proved",
        "certified_share_at_most": "at_most",
        "margin_loss": "margin_loss",
        "confidence_deviation_mean": "confidence",
    }
    own = table[(table.task == task) & (table.method == "float")]
    columns = {new: proved(own, old).groupby("level").value.mean() for old, new in names.items()}
    counts = proved(own, "certified_share").groupby("level").size()
    return pd.DataFrame({**columns, "networks": counts}).sort_index(ascending=False)


def clean(table: pd.DataFrame, task: str) -> float:
    """Mean accuracy of a task's float networks."""
    own = table[(table.task == task) & (table.method == "float")]
    return float(_clean_rows(own).value.mean())


def monotone(table: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Of each kind of robustness of the actual cells: its name, runs in which it falls with every bit less, all runs.

    Precisions that were quantized after training, by bits.
    """
    cells = table[table.method == "ptq"]
    for name, rows in _robustness(cells):
        wide = rows.pivot_table(index=["task", "recipe", "seed"], columns="weight_bits", values="value")
        wide = wide.dropna()[sorted(wide.columns)]
        if len(wide) and wide.shape[1] > 1:
            falls = wide.diff(axis=1).iloc[:, 1:].ge(-1e-12).all(axis=1)
            yield name, int(falls.sum()), len(wide)


def _robustness(cells: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "upset-safe rows", proved(cells, "upset_safe_share", STORED)
    for radius, rows in proved(cells, "noise_safe_share").groupby("level"):
        yield f"noise-safe rows, radius {radius:g}", rows
    for family, condition in ROBUSTNESS:
        chosen = cells[(cells.family == family) & (cells.condition == condition) & (cells.measure == "accuracy")]
        for level, rows in chosen[(chosen.status == "ok") & (chosen.target == "")].groupby("level"):
            yield f"accuracy under {condition} {level:g}", rows


def by_recipe(table: pd.DataFrame) -> pd.DataFrame:
    """Means over tasks and seeds of each recipe and precision with codes: accuracy, safe rows, protection."""
    flipped = proved(table, "expected_accuracy", STORED)
    columns = {
        "accuracy": _clean_rows(table),
        "safe": proved(table, "upset_safe_share", STORED),
        "flipped": flipped[flipped.level == RATE],
        "noise": proved(table, "noise_safe_share"),
        "margin": proved(table, "safety_by_margin", STORED),
    }
    for name, measure in (("bits", "protection_bits"), ("then", "protected_safe_share")):
        for share, rows in proved(table, measure, STORED).groupby("level"):
            columns[f"{name}_{100 * share:g}"] = rows
    means = {name: rows.groupby(["recipe", "precision"], sort=False).value.mean() for name, rows in columns.items()}
    return pd.DataFrame(means).dropna(subset=["safe"])


def rounding_by_recipe(table: pd.DataFrame) -> pd.DataFrame:
    """Proved rows of the float networks of each recipe by bits, falling: means over tasks and seeds."""
    rows = proved(table[table.method == "float"], "certified_share")
    wide = rows.pivot_table(index="recipe", columns="level", values="value", sort=False)
    return wide[sorted(wide.columns, reverse=True)]


def relations(table: pd.DataFrame) -> Iterator[Relation]:
    """How the share of upset-safe rows goes with landscape measures, measured robustness and accuracy."""
    safe = proved(table, "upset_safe_share", STORED).groupby(CONFIGURATION).value.mean()
    rivals = {"accuracy": _clean_rows(table)}
    accuracy = rivals["accuracy"].groupby(CONFIGURATION).value.mean()
    rivals |= {name: table[(table.family == "landscape") & (table.measure == name)] for name in LANDSCAPE}
    for name, rows in _robustness(table[table.method != "float"]):
        if name != "upset-safe rows":
            rivals[name] = rows
    for name, rows in rivals.items():
        if not len(rows):
            continue
        good = rows[(rows.status == "ok") & (rows.target == "")]
        other = good.groupby(CONFIGURATION).value.mean()
        both = pd.DataFrame({"safe": safe, "other": other, "accuracy": accuracy}).dropna()
        if len(both) >= 8 and both.nunique().min() > 1:  # what is constant has no ranks
            ranks = both.groupby("task").rank(pct=True)
            found = stats.spearmanr(ranks.safe, ranks.other)
            partial = _partial(ranks.safe, ranks.other, ranks.accuracy)
            yield Relation(name, float(found.statistic), float(found.pvalue), partial, len(both))


def _partial(first: pd.Series, second: pd.Series, given: pd.Series) -> float:
    """Pearson's correlation of two series of ranks at equal values of a third; not a number where it is the second."""
    r = np.corrcoef([first, second, given])
    spread = (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
    return float((r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt(spread)) if spread > 1e-12 else np.nan


def _clean_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table.family == "performance") & (table.measure == "accuracy")]
