"""What bit policies cost made-up cells, students and protected networks: losses that are planted."""

import pandas as pd

from lowland.measurements import COLUMNS, checked

NAN = float("nan")
METHODS = {"fp32": ("float", 32), "qat4": ("qat", 4), "ptq4": ("ptq", 4)}
LOST = {"plain": 0.2, "clipping": 0.1}
LAYERS = {"layers.0": 0.05, "layers.2": 0.15, "layers.4": -0.01}
"""What each loses alone; networks of integers call them 0, 2 and 4."""
STUDENTS = {"detrimental_student": (0.5, 0.4), "robust_student": (0.02, 0.01), "control_student": (0.2, 0.15)}
"""What each loses under the detrimental policy and its own worst, before and after equalization; half of it else."""
POLICIES = {"detrimental_policy": 1.0, "robust_policy": 0.5, "uniform_policy": 0.5, "own_worst_policy": 1.0}


def policies(split="test", *, recipes=("plain", "clipping"), task="jets", shift=0.0) -> pd.DataFrame:
    """Rows of the long table of every cell; the second seed loses two points more, and each row ``shift`` more."""
    rows = []
    for recipe in recipes:
        for number, seed in enumerate(("s0", "s1")):
            for precision, (method, bits) in METHODS.items():
                cell = (task, recipe, seed, precision, method, bits, bits)
                lost = LOST[recipe] + 0.02 * number + shift
                rows += [_row(cell, "policy_drop", lost, split, level=5.0)]
                rows += [_row(cell, "policy_broken", 0.3, split, level=5.0)]
                for layer, alone in LAYERS.items():
                    name = layer if method == "float" else layer.removeprefix("layers.")
                    rows += [_row(cell, "layer_drop", alone, split, target=name, level=2.0)]
                if method == "float":
                    rows += [_row(cell, "rescaled_drop", 0.45, split)]
                    rows += [_row(cell, "equalized_drop", lost / 2, split, level=5.0)]
    return _table(rows)


def students(split="test", *, recipe="plain", seeds=("s0", "s1"), task="jets") -> pd.DataFrame:
    """Rows of pairs; the students are surely alike in the first seed only."""
    rows = []
    for number, seed in enumerate(seeds):
        cell = (task, recipe, seed, "", "dynamic", 8, 6)
        for student, (before, after) in STUDENTS.items():
            for policy, part in POLICIES.items():
                about = {"condition": student, "target": policy, "level": 6.0}
                rows += [_row(cell, "pair_drop", before * part, split, **about)]
                rows += [_row(cell, "pair_drop_equalized", after * part, split, **about)]
            rows += [_row(cell, "student_accuracy", 0.65, split, condition=student)]
        rows += [_row(cell, "accuracy_equivalence", 0.2 * number, split)]
    return _table(rows)


def _row(cell, measure, value, split, *, condition="", target="", level=NAN):
    unit = "" if level != level else "bits" if measure == "layer_drop" else "mean bits"
    about = ("worst_case", measure, condition, target, level, unit, split, "", "")
    return (*cell, *about, value, 0.01, 1000, "ok")


def _table(rows) -> pd.DataFrame:
    return checked(pd.DataFrame.from_records(rows, columns=list(COLUMNS)))


def per_input(split="test", *, task="jets") -> pd.DataFrame:
    """Rows of one cell: an agent's policy for each input lies half way from the static one to the restricted oracle."""
    cell = (task, "plain", "s0", "fp32", "float", 32, 32)
    found = [
        ("oracle_drop", "restricted", 0.3),
        ("oracle_drop", "free", 0.4),
        ("input_policy_drop", "cross_entropy", 0.25),
        ("input_policy_share", "cross_entropy", 0.5),
        ("input_policy_drop", "static", 0.2),
        ("input_policy_gain", "cross_entropy", 0.05),
        ("input_policy_bits", "cross_entropy", 5.0),
    ]
    rows = [_row(cell, measure, value, split, target=target, level=5.0) for measure, target, value in found]
    return _table(rows)
