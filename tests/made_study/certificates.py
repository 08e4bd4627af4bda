"""What is proved of two made-up cells: a float network by bits, and its deployed one."""

import pandas as pd

from lowland.measurements import COLUMNS, checked

NAN = float("nan")
FLOAT = [
    ("certified_share", "", 12.0, 0.9999, 500),
    ("certified_share_at_most", "", 12.0, 1.0, 500),
    ("certified_share", "", 8.0, 0.231, 500),
    ("certified_share_at_most", "", 8.0, 0.4, 500),
    ("confidence_deviation", "", 12.0, 0.012, 20),
    ("confidence_deviation", "", 8.0, 1.0, 20),
]
DEPLOYED = [
    ("upset_safe_share", "weights+biases", NAN, 0.646, 500),
    ("upset_safe_share_lower", "weights+biases", NAN, 0.602, 500),
    ("upset_safe_share", "weights+biases+scales+tables", NAN, 0.12, 500),
    ("upset_safe_share", "weights+biases+activations", NAN, 0.5, 500),
    ("protection_bits", "weights+biases", 0.95, 20.0, 400),
    ("protection_bits_at_least", "weights+biases", 0.95, 18.0, 400),
    ("protected_safe_share", "weights+biases", 0.95, 0.93, 500),
    ("expected_accuracy", "weights+biases", 0.001, 0.7, 500),
    ("expected_accuracy_lower", "weights+biases", 0.001, 0.6578, 500),
    ("noise_safe_share", "", 1.0, 0.9, 50),
    ("deployed_deviation", "", NAN, 0.5, 1),
    ("deployed_deviation_found", "", NAN, 0.25, 1),
]
CELLS = (("fp32", "float", 32, FLOAT), ("qat4", "qat", 4, DEPLOYED))


def certificates(recipes=("plain", "clipping"), task="jets") -> pd.DataFrame:
    """Rows of the long table."""
    rows = [
        (*cell, "certificate", measure, "", target, level, "", "test", "", "", value, 0.0, count, "ok")
        for recipe in recipes
        for precision, method, bits, proved in CELLS
        for cell in [(task, recipe, "s0", precision, method, bits, bits)]
        for measure, target, level, value, count in proved
    ]
    return checked(pd.DataFrame.from_records(rows, columns=list(COLUMNS)))
