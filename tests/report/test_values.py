"""A value of any measure as people read it."""

import math

import pytest

from lowland.report.score_text import ScoreText
from lowland.report.values import display

ACCURACY, EMD, MODE = (ScoreText.named(name) for name in ("accuracy", "emd", "vector_error"))


@pytest.mark.parametrize(
    "value, measure, score, condition, text",
    [
        (19536.0, "size", ACCURACY, "", "19,536 bits"),
        (4389.0, "parameters", ACCURACY, "", "4,389"),
        (0.7503, "accuracy", ACCURACY, "", "75.0 %"),
        (1.3, "emd", EMD, "gaussian", "1.30 cells"),
        (0.02, "accuracy_drop", ACCURACY, "gaussian", "2 points"),
        (0.123, "mismatch_rate", ACCURACY, "gaussian", "12 %"),
        (20.0, "half_life", ACCURACY, "gain_drift", "20 %"),
        (2e-3, "half_life", ACCURACY, "bit_error_rate", "rate 2·10⁻³"),
        (-3.2, "phase_error", MODE, "", "−3.2°"),
        (0.31, "loss_rise", ACCURACY, "gaussian", "0.31 nats"),
        (None, "accuracy", ACCURACY, "", "no number"),
        (math.nan, "size", ACCURACY, "", "no number"),
    ],
)
def test_numbers_for_people(value, measure, score, condition, text):
    assert display(value, measure, score, condition=condition) == text
