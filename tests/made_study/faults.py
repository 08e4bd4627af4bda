"""What a study of all faults adds to the made-up long table; every number is known."""

import numpy as np
import pandas as pd

from lowland.measurements import COLUMNS, checked

CELL = list(COLUMNS[:7])
RANKINGS = {"matched": 0.9, "first_order": 0.7, "magnitude": 0.2, "truth_elsewhere": 0.95}


def with_faults(measurements: pd.DataFrame) -> pd.DataFrame:
    """The table with broken sensors, attacks, further flips, half-lives and single bits."""
    cells = measurements[CELL].drop_duplicates().to_dict("records")
    clean = measurements[(measurements.measure == "accuracy") & (measurements.family == "performance")]
    accuracies = clean.set_index(["recipe", "seed", "precision"])["value"]
    rows = []
    for cell in cells:
        start = accuracies[cell["recipe"], cell["seed"], cell["precision"]]

        def add(family, measure, value, condition="", level=np.nan, status="ok", target="", cell=cell):
            place = (condition, target, level, "", "test", "", "")
            rows.append((*cell.values(), family, measure, *place, float(value), 0.001, 5, status))

        def curve(family, condition, levels, target="", start=start, add=add):
            for step, level in enumerate(levels):
                add(family, "accuracy", start - 0.02 * (step + 1), condition, level, target=target)
                add(family, "accuracy_drop", 0.02 * (step + 1), condition, level, target=target)
                add(family, "loss_rise", 0.05 * (step + 1), condition, level, target=target)

        curve("noise", "uniform", (5, 10))
        curve("sensor_fault", "gain_drift", (1, 50))
        curve("sensor_fault", "requantization", (8, 4, 2))
        curve("adversarial", "fgsm_linf", (0.1, 0.2))
        curve("adversarial", "pgd_linf", (0.1, 0.2))
        add("adversarial", "blind_rate", 0.3 if cell["weight_bits"] == 4 else 0.001, "fgsm_linf", 0.1)
        add("adversarial", "blind_rate", 0.1 if cell["weight_bits"] == 4 else 0.001, "fgsm_linf", 0.2)
        add("noise", "half_life", 100 * start, "gaussian")
        add("sensor_fault", "half_life", 2, "requantization", status="not_converged")
        if cell["method"] == "float":
            curve("bit_flip", "flips", (1, 100), "float32_weights")
            continue
        for condition, target in (("flips", "weights"), ("flips", "scales"), ("stuck_at_1", "")):
            curve("bit_flip", condition, (1, 100), target)
        for condition, target in (("transient_bit_error_rate", "activations"), ("upset_rate", "")):
            curve("bit_flip", condition, (1e-4, 1e-2), target)
        add("bit_flip", "half_life", 1e-2 if cell["weight_bits"] == 4 else 1e-3, "bit_error_rate")
        if cell["seed"] == "s0":
            for k in (10, 100):
                for ranking, recall in RANKINGS.items():
                    offset = 0.02 if cell["recipe"] == "plain" else -0.02
                    add("bit_flip", "ranking_recall", recall + offset, ranking, k)
                    add("bit_flip", "ranking_recall_score", recall / 2 + offset, ranking, k)
            add("bit_flip", "worst_flip_drop", 0.25)
            add("bit_flip", "protected_bits", np.nan, level=1e-3, status="undefined")
            for k, left in ((0, 0.66), (1, 0.5), (10, 0.2)):
                add("bit_flip", "score_after_search", left, level=k)
    return checked(pd.concat([measurements, pd.DataFrame.from_records(rows, columns=list(COLUMNS))], ignore_index=True))
