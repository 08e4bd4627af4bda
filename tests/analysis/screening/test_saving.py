"""Seconds saved, on a study of two runs."""

import pandas as pd
import pytest

from lowland.analysis.screening.halving import halving_scores
from lowland.analysis.screening.saving import saving

ROWS = [
    ("training", "t.r.s0.train", "t.r.s0", 10.0),
    ("quantization", "t.r.s0.fp32.deploy_float", "t.r.s0.fp32", 1.0),
    ("quantization", "t.r.s0.ptq4.quantize_after_training", "t.r.s0.ptq4", 2.0),
    ("landscape", "t.r.s0.fp32.measure_landscape", "t.r.s0.fp32", 3.0),
    ("landscape", "t.r.s0.ptq4.measure_landscape", "t.r.s0.ptq4", 4.0),
    ("perturbation", "t.r.s0.ptq4.under_noise", "t.r.s0.ptq4", 37.0),
    ("report", "report", "summary", 99.0),
]


@pytest.mark.parametrize(("source", "looking"), [("float", 5.0 + 3.0), ("ptq", 5.0 + 4.0 + 2.0)])
def test_what_is_measured_for_screening_counts_and_reports_do_not(source, looking):
    timings = pd.DataFrame(ROWS, columns=["stage", "node", "namespace", "seconds"])
    found = saving(timings, source=source, training_share=0.5, chosen_share=0.1)
    assert found.everything == 50
    assert found.screened == pytest.approx(looking + 5)
    assert found.share == pytest.approx(1 - (looking + 5) / 50)


def test_halving_keeps_the_better_half_at_every_stop():
    scores = pd.DataFrame(
        [
            ("t", r, stop, value)
            for stop, values in ((0.1, (1, 2, 3, 4)), (1.0, (9, 9, 6, 5)))
            for r, value in zip("abcd", values, strict=True)
        ],
        columns=["task", "recipe", "epochs_share", "score"],
    )
    reached = halving_scores(scores, (0.1, 1.0)).set_index("recipe").halving
    assert reached.idxmax() == "c"  # a and b were gone before they became better
    assert reached["d"] > reached["b"] > reached["a"]
