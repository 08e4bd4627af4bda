"""Regret, hits and verdicts on tables whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.screening.scores import Choice, choice, r_squared, verdict


def made(selection, test, predicted, *, families=None):
    count = len(test)
    return pd.DataFrame(
        {
            "task": "made",
            "precision": "p4",
            "recipe": [f"r{i}" for i in range(count)],
            "family": families or [f"f{i}" for i in range(count)],
            "selection": selection,
            "test": test,
            "predicted": predicted,
            "expected": float(np.mean(test)),
        }
    )


def test_regret_is_one_for_a_blind_choice_and_zero_for_the_best():
    truth = [0.9, 0.7, 0.5, 0.3]
    blind = choice(made(truth, truth, [1.0] * 4))
    assert blind.regret == pytest.approx(1) and blind.points == pytest.approx(0.3)
    assert choice(made(truth, truth, truth)).points == 0
    worst = choice(made(truth, truth, [-value for value in truth]))
    assert worst.points == pytest.approx(0.6) and worst.regret == pytest.approx(2)


def test_the_best_is_chosen_on_one_half_and_scored_on_the_other():
    outcome = choice(made([0.9, 0.8], [0.5, 0.6], [0.0, 1.0]))
    assert outcome.points == pytest.approx(-0.1)  # what looked best is not; choosing the other one gained


def test_ties_share_the_places_that_are_left():
    truth = [0.9, 0.8, 0.7, 0.6, 0.5]
    assert choice(made(truth, truth, [0.0] * 5)).hits == pytest.approx(0.2)
    assert choice(made(truth, truth, truth)).hits == 1


def test_the_mean_has_an_r_squared_of_zero():
    assert r_squared(made([0.1, 0.3], [0.1, 0.3], [0.2, 0.2])) == pytest.approx(0)


def test_two_families_have_no_interval():
    assert np.isnan(choice(made([0.1, 0.3], [0.1, 0.3], [0.2, 0.1])).high)


@pytest.mark.parametrize(
    ("low", "high", "gap_low", "saved", "told"),
    [
        (-0.001, 0.005, 0.02, 0.6, "held"),
        (-0.001, 0.005, 0.02, 0.5, "cannot tell"),
        (-0.001, 0.011, 0.02, 0.6, "cannot tell"),
        (0.011, 0.03, 0.02, 0.6, "not held"),
        (-0.001, 0.005, -0.01, 0.6, "cannot tell"),
        (0.0, 0.0, 0.02, 0.6, "cannot tell"),
        (np.nan, np.nan, np.nan, 0.9, "cannot tell"),
    ],
)
def test_verdicts(low, high, gap_low, saved, told):
    outcome = Choice(0.1, 0.002, low, high, 0.5, 0.03, gap_low, 8)
    assert verdict(outcome, saved=saved, in_points=True) == told
    assert verdict(outcome, saved=saved, in_points=False) == "cannot tell"
