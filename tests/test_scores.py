"""Directions of headline scores and names of what is lost of them."""

import pytest

from lowland.scores import deterioration, sign
from lowland.vocabulary.measures import MEASURES, SCORES


@pytest.mark.parametrize(
    ("score", "direction", "lost"),
    [
        ("accuracy", 1, "accuracy_drop"),
        ("emd", -1, "emd_rise"),
        ("vector_error", -1, "vector_error_rise"),
        ("absolute_error", -1, "absolute_error_rise"),
    ],
)
def test_more_is_better_after_the_sign_and_harm_is_positive(score, direction, lost):
    assert sign(score) == direction
    assert deterioration(score) == lost
    assert MEASURES[lost].higher_is_better is False


def test_every_headline_score_has_a_measure_of_its_loss():
    assert all(deterioration(score) in MEASURES for score in SCORES)
