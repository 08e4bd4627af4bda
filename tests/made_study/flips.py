"""Scores under flips, a number for each precision and recipe."""

import pandas as pd

from lowland.measurements import COLUMNS

BITS = {"qat8": 8, "qat5": 5, "qat2": 2}
TOUGH8 = {"qat8": (0.7, 0.71), "qat5": (0.6, 0.61)}
TOUGH5 = {"qat8": (0.6, 0.61), "qat5": (0.7, 0.71)}


def flipped(values, condition="flips", level=1.0, measure="accuracy", target=""):
    """Accuracies by precision, one a recipe, each the mean of two seeds."""
    table = [
        (
            "jets",
            f"r{i}",
            seed,
            p,
            "qat",
            BITS[p],
            BITS[p],
            "bit_flip",
            measure,
            condition,
            target,
            level,
            "",
            "test",
            "",
            "",
            v,
            0.0,
        )
        for p, row in values.items()
        for i, value in enumerate(row)
        for seed, v in (("s0", value - 0.01), ("s1", value + 0.01))
    ]
    return pd.DataFrame.from_records([(*row, 8, "ok") for row in table], columns=list(COLUMNS))
