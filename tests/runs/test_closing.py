"""What a run says at its end."""

import pandas as pd

from lowland.runs.closing import diverged_lines


def table(*rows):
    columns = ["task", "recipe", "seed", "precision", "family", "status"]
    return pd.DataFrame([(*row[:4], "performance", row[4]) for row in rows], columns=columns)


def test_a_diverged_recipe_is_told_once_with_its_count():
    rows = [("jets", r, s, p, "ok") for r in ("plain", "strong") for s in ("s0", "s1") for p in ("fp32", "qat4")]
    rows[4:6] = [(*row[:4], "non_finite") for row in rows[4:6]]
    assert diverged_lines(table(*rows)) == ["strong: 2 of 4 networks diverged (non_finite)"]
    rows.append(("waves", "plain", "s0", "fp32", "non_finite"))
    assert diverged_lines(table(*rows)) == [
        "jets, strong: 2 of 4 networks diverged (non_finite)",
        "waves, plain: 1 of 1 networks diverged (non_finite)",
    ]
    assert not diverged_lines(table(*rows[:4]))
