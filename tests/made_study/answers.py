"""What made-up cells say beside their references: rates that are planted, on nominal and on shifted sets."""

import pandas as pd

from lowland.measurements import COLUMNS, checked

NAN = float("nan")
SETS = {"": 1.0, "smeared": 2.0, "pileup": 3.0}
"""How many times the nominal churn each set has."""
CHURN = {"fp32": 0.0, "qat4": 0.02, "ptq4": 0.05}
METHODS = {"fp32": ("float", 32), "qat4": ("qat", 4), "ptq4": ("ptq", 4)}
FACTOR = {"plain": 1.0, "clipping": 0.5}
AREAS = {"margin": 0.95, "entropy": 0.85}


def answers(task="jets", split="test", *, sets=SETS, recipes=FACTOR, abstain=False) -> pd.DataFrame:
    """Rows of the long table; of the churn two fifths are new errors and one fifth is put right."""
    rows = []
    for recipe in recipes:
        for number, seed in enumerate(("s0", "s1")):
            for precision, (method, bits) in METHODS.items():
                cell = (task, recipe, seed, precision, method, bits, bits)
                for condition, times in sets.items():
                    if not number:
                        pair = (f"{task}.{recipe}.s1.{precision}", "seed")
                        rows.append(_row(cell, "churn", condition, "", split, pair, 0.1 * times))
                    if method != "float":
                        rate = CHURN[precision] * recipes[recipe] * times * (1 + 0.2 * number)
                        rows += _compared(cell, condition, split, (f"{task}.{recipe}.{seed}", "float"), rate)
                    if abstain and method != "float":
                        rows += [
                            _row(cell, "answered_share", condition, "margin", split, ("", ""), 0.9 / times, 0.05),
                            _row(cell, "risk_among_answered", condition, "margin", split, ("", ""), 0.02 * times, 0.05),
                        ]
    frame = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    return frame if abstain else checked(frame)


def _compared(cell, condition, split, reference, rate):
    shares = {"churn": 1.0, "negative_flips": 0.4, "positive_flips": 0.2, "wrong_to_other_wrong": 0.4}
    shares["accuracy_lost"] = 0.2
    yield from (_row(cell, measure, condition, "", split, reference, rate * share) for measure, share in shares.items())
    for name, area in AREAS.items():
        yield _row(cell, "detection_auroc", condition, name, split, reference, area)
        if name != "margin":
            yield _row(cell, "detection_advantage", condition, name, split, reference, 0.95 - area)


def _row(cell, measure, condition, target, split, reference, value, level=NAN):
    about = ("disagreement", measure, condition, target, level, "", split, *reference)
    return (*cell, *about, value, 0.01, 1000, "ok")
