"""What protections of made-up cells save and cost."""

import pandas as pd

from lowland.measurements import COLUMNS, checked

NAN = float("nan")
PROTECTIONS = {
    "no_protection": (0.2, 0.0, 0.0, 0.0),
    "outliers_apart": (0.01, 0.19, 0.0, 0.9),
    "kept_layers": (0.015, 0.185, 0.0, 0.5),
    "clipped_ranges": (0.15, 0.04, 0.01, 0.0),
}
"""Loss to the worst policy, gain, harm and cost in bits."""
MEASURES = ("protected_drop", "protection_gain", "protection_harm", "protection_cost")
TOLD_BY = {"crest": 0.6, "margin": 0.9}


def protections(split="test", *, recipes=("plain", "clipping"), seeds=("s0", "s1"), task="jets") -> pd.DataFrame:
    """Rows of the float cells, with how well broken inputs are told; equalization is not possible."""
    rows = []
    for recipe in recipes:
        for seed in seeds:
            cell = (task, recipe, seed, "fp32", "float", 32, 32)
            for name, numbers in PROTECTIONS.items():
                for measure, value in zip(MEASURES, numbers, strict=True):
                    level = 5.0 if measure in MEASURES[:2] else NAN
                    where = "" if measure == "protection_cost" else split
                    rows.append(_row(cell, measure, name, level, where, value))
            rows.append(_row(cell, "protected_drop", "equalized_channels", 5.0, split, NAN))
            rows += [_row(cell, "broken_auroc", name, 5.0, split, area) for name, area in TOLD_BY.items()]
    return checked(pd.DataFrame.from_records(rows, columns=list(COLUMNS)))


def _row(cell, measure, target, level, split, value):
    unit = "mean bits" if level == level else ""
    status = "ok" if value == value else "undefined"
    return (*cell, "worst_case", measure, "", target, level, unit, split, "", "", value, 0.01, 1000, status)
