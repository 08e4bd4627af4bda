"""Students and pairs as rows of the long table."""

from __future__ import annotations

import pandas as pd

from lowland.measurements import Cell, Measurement, student_cell, table
from lowland.worst_case.students.pairs import PairTable


def student_rows(found: PairTable, *, run: tuple[str, str, str], mean_bits: float) -> pd.DataFrame:
    """What students lose under policies, how accurate they are in float, and whether two of them are equally so.

    Args:
        found: Judged on test rows.
        run: Task, recipe and seed that students were made of.
        mean_bits: The mean that policies were searched at: the level of the rows. Their widths are the policy's own.
    """
    frames = []
    for pair in found.pairs:
        measure = "pair_drop_equalized" if pair.equalized else "pair_drop"
        row = Measurement(
            "worst_case",
            measure,
            pair.drop,
            f"{pair.student}_student",
            target=pair.policy,
            level=mean_bits,
            split="test",
        )
        frames.append(table(student_cell(*run, activation_bits=pair.mean_bits), [row]))
    rows = [
        Measurement("worst_case", "student_accuracy", accuracy, f"{kind}_student", split="test")
        for kind, accuracy in found.accuracy.items()
    ]
    rows.append(Measurement("worst_case", "accuracy_equivalence", found.equivalence, split="test"))
    return pd.concat([*frames, table(_in_float(run), rows)], ignore_index=True)


def _in_float(run: tuple[str, str, str]) -> Cell:
    """Students without a policy."""
    return student_cell(*run)
