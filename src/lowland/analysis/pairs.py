"""Students under policies: what each pair of a network and a policy loses, before and after equalization."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.analysis.policies import FAMILY, of_policies, one_level
from lowland.vocabulary.worst_case_measures import STUDENTS

EQUALIZED = "pair_drop_equalized"
PAIRS = ("pair_drop", EQUALIZED, "student_accuracy")


@dataclass(frozen=True, kw_only=True)
class PairsOfRecipe:
    """The students that were made of one recipe's runs.

    Attributes:
        recipe: Of their teachers.
        mean_bits: Of the policies; None where there are several budgets.
        seeds: How many teachers.
        policies: By which the columns go, in the order of the table.
        students: In the order of the vocabulary.
        numbers: Means over seeds by measure, student and policy (empty for ``student_accuracy``).
        equivalent: In how many seeds the detrimental and the robust student are surely within a point of each other.
        compared: In how many this was tested.
    """

    recipe: str
    mean_bits: float | None
    seeds: int
    policies: tuple[str, ...]
    students: tuple[str, ...]
    numbers: dict[tuple[str, str, str], float]
    equivalent: int
    compared: int

    def value(self, measure: str, student: str, policy: str = "") -> float:
        """One of the numbers; NaN where it is not known."""
        return self.numbers.get((measure, student, policy), float("nan"))


def pairs_of(measurements: pd.DataFrame, *, confidence: float = 0.95) -> list[PairsOfRecipe]:
    """Pairs of students and policies of every recipe that has any, in the order of the table.

    Args:
        measurements: Rows of the long table of one task, of one half of the held-out rows.
        confidence: One less this is the highest p value of students that count as equivalent.
    """
    found = []
    means = of_policies(measurements, PAIRS)
    means = means[means.num_seeds > 0]
    tests = measurements[(measurements.family == FAMILY) & (measurements.measure == "accuracy_equivalence")]
    for recipe, rows in means.groupby("recipe", sort=False):
        drops = rows[rows.measure != "student_accuracy"]
        if drops.empty:
            continue
        own = tests[(tests.recipe == recipe) & (tests.status == "ok")]
        found.append(
            PairsOfRecipe(
                recipe=str(recipe),
                mean_bits=one_level(drops),
                seeds=int(drops.num_seeds.max()),
                policies=tuple(dict.fromkeys(map(str, drops.target))),
                students=tuple(name for name in STUDENTS if name in set(drops.condition)),
                numbers={
                    (str(row.measure), str(row.condition), str(row.target)): float(row.mean)
                    for row in rows.itertuples()
                },
                equivalent=int((own.value < 1 - confidence).sum()),
                compared=len(own),
            )
        )
    return found
