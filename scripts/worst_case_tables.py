"""Numbers of docs/worst_case.md from the long tables of finished studies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from lowland.analysis.criteria import clean_criterion
from lowland.analysis.intervals import Ends, t_interval
from lowland.analysis.over_seeds import configurations
from lowland.analysis.pairs import EQUALIZED, PairsOfRecipe, pairs_of
from lowland.analysis.policies import OF_CELLS, lost_through_layers, lost_to_policies, of_policies
from lowland.analysis.protections import protections
from lowland.analysis.score import score_of
from lowland.vocabulary.measures import MEASURES
from lowland.vocabulary.worst_case_measures import NO_PROTECTION
from lowland.worst_case.students import equivalence_p

SIGNIFICANT, MOST_ROWS = 0.05, 10**6
PER_INPUT = ("input_policy_drop", "oracle_drop", "input_policy_share")


def by_task(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Of every task its rows about cells, and those about students.

    Args:
        table: The long table, of one half of the held-out rows.
    """
    for task, rows in table.groupby("task", sort=False):
        yield str(task), rows[rows.precision != ""], rows[rows.precision == ""]


def policy_rows(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """What the worst static policy costs, a row a precision, means over recipes.

    Args:
        cells: Rows of one task.
    """
    drops = lost_to_policies(cells)
    clean = configurations(cells, [clean_criterion(score_of(cells))])
    rows = []
    for precision, own in drops.groupby("precision", sort=False):
        numbers = {name: t_interval(own[name].tolist()) for name in OF_CELLS}
        rows.append(
            {
                "precision": str(precision),
                "networks": int(own.num_seeds.sum()),
                "recipes": len(own),
                "mean_bits": float(own.mean_bits.iloc[0]),
                "clean": float(clean.loc[clean.precision == precision, "mean"].mean()),
                "ends": (float(own.policy_drop.min()), float(own.policy_drop.max())),
                **numbers,
            }
        )
    return rows


def layer_rows(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Which layer costs most alone, a row a precision: of how many configurations, and how much, over recipes.

    Args:
        cells: Rows of one task.
    """
    drops = lost_through_layers(cells)
    rows = []
    for precision, own in drops.groupby("precision", sort=False):
        means = own.groupby("target", sort=False)["mean"].mean()
        first = own.loc[own.groupby("recipe", sort=False)["mean"].idxmax()]
        layer = str(means.idxmax())
        rows.append(
            {
                "precision": str(precision),
                "layer": layer,
                "place": list(means.index).index(layer) + 1,
                "layers": len(means),
                "lost": float(means.max()),
                "first_in": int((first.target == layer).sum()),
                "recipes": int(own.recipe.nunique()),
                "bits": float(own.level.iloc[0]),
            }
        )
    return rows


def pair_facts(pairs: PairsOfRecipe, targets: Mapping[str, float]) -> dict[str, Any]:
    """What pairs of one recipe lose, and whether it is as much, or as little, as was to be reached.

    Args:
        pairs: Means over seeds.
        targets: ``detrimental``, ``equalized`` and ``robust``, as shares.
    """
    worst, best, its_worst = "detrimental_policy", "robust_policy", "own_worst_policy"
    harm = pairs.value("pair_drop", "detrimental_student", worst)
    left = pairs.value(EQUALIZED, "detrimental_student", worst)
    held = pairs.value("pair_drop", "robust_student", best)
    return {
        **asdict(pairs),
        "detrimental": harm,
        "equalized": left,
        "control": pairs.value("pair_drop", "control_student", its_worst),
        "robust": held,
        "robust_under_worst": pairs.value("pair_drop", "robust_student", its_worst),
        "accuracies": [pairs.value("student_accuracy", student) for student in pairs.students],
        "breaks": harm >= targets["detrimental"],
        "survives": left >= targets["equalized"],
        "holds": held < targets["robust"],
    }


def protection_rows(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Protections by precision, means over recipes, in the order of their cost.

    Args:
        cells: Rows of one task.
    """
    rows = []
    for (precision, name), own in protections(cells).groupby(["precision", "protection"], sort=False):
        rows.append(
            {
                "precision": str(precision),
                "protection": str(name),
                "is_protection": name != NO_PROTECTION,
                "recipes": len(own),
                "lost": t_interval(own.protected_drop.tolist()),
                "gain": float(own.protection_gain.mean()),
                "harm": float(own.protection_harm.mean()),
                "cost": float(own.protection_cost.mean()),
            }
        )
    return sorted(rows, key=lambda row: (row["precision"], row["is_protection"], row["cost"]))


def means_of(cells: pd.DataFrame, *measures: str) -> list[dict[str, Any]]:
    """Measures by precision, condition and target, means over recipes.

    Args:
        cells: Rows of one task.
        measures: Which.
    """
    found = of_policies(cells, measures)
    found = found[found.num_seeds > 0]
    names = ["precision", "measure", "condition", "target"]
    rows = []
    for key, own in found.groupby(names, sort=False):
        place = dict(zip(names, map(str, key), strict=True))
        ends: Ends = "zero and one" if MEASURES[place["measure"]].is_rate else "none"
        rows.append({**place, "recipes": len(own), "value": t_interval(own["mean"].tolist(), ends=ends)})
    return rows


def search_rows(shares: pd.DataFrame, *, share: float, evaluations: int) -> list[dict[str, Any]]:
    """How soon each agent came near the optimum, a row a network, budget and agent, medians over seeds.

    Args:
        shares: ``network``, ``mean_bits``, ``agent``, ``seed``, ``evaluations`` and the ``share`` of the optimum that
            the best policy has after so many, as ``benchmarks.worst_case_search`` gives them.
        share: Of the optimum.
        evaluations: Within how many it is to be reached.
    """
    rows = []
    for (network, mean_bits), group in shares.groupby(["network", "mean_bits"], sort=False):
        medians = group.groupby(["agent", "evaluations"], sort=False).share.median().unstack(0)
        for agent, own in group.groupby("agent", sort=False):
            reached = own[own.share >= share].groupby("seed").evaluations.min().reindex(own.seed.unique())
            behind = medians[agent] < medians["greedy"] - 1e-9 if "greedy" in medians else medians[agent] < 0
            rows.append(
                {
                    "network": str(network),
                    "mean_bits": float(mean_bits),
                    "agent": str(agent),
                    "seeds": len(reached),
                    "reached": float(reached.fillna(float("inf")).median()),
                    "missed": int(reached.isna().sum()),
                    "share": float(medians.loc[:evaluations, agent].iloc[-1]),
                    "behind": int(behind.loc[:evaluations].sum()),
                }
            )
    return rows


def student_rows(trained: pd.DataFrame) -> list[dict[str, Any]]:
    """What students lose at several budgets and after several ways of training, means over teachers.

    Args:
        trained: A row a teacher, budget and way of training, as ``benchmarks.worst_case_students`` gives them.
    """
    rows = []
    for (network, way, mean_bits), own in trained.groupby(["network", "trained_under", "mean_bits"], sort=False):
        numbers = own.drop(columns=["network", "trained_under", "mean_bits", "seed", "equivalence_p"]).mean()
        equivalent = int((own.equivalence_p < SIGNIFICANT).sum())
        rows.append(
            {"network": str(network), "trained_under": str(way), "mean_bits": float(mean_bits), "teachers": len(own)}
            | {str(name): float(value) for name, value in numbers.items()}
            | {"equivalent": equivalent, "rows_needed": rows_needed(numbers.one_right)}
        )
    return rows


def rows_needed(one_right: float) -> int:
    """Test rows on which equivalence can be shown where both networks are right equally often.

    Args:
        one_right: Share of the rows on which one of them alone is.
    """
    shown = bisect_left(
        range(1, MOST_ROWS), True, key=lambda rows: equivalence_p(*[one_right * rows / 2] * 2, rows) < SIGNIFICANT
    )
    return shown + 1


def all_pairs(students: pd.DataFrame, targets: Mapping[str, float]) -> list[dict[str, Any]]:
    """``pair_facts`` of every recipe with students.

    Args:
        students: Rows of one task about students.
        targets: As in ``pair_facts``.
    """
    return [pair_facts(pairs, targets) for pairs in pairs_of(students)]
