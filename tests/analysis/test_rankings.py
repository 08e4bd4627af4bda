"""Rankings of flips: compared recipe by recipe, beside what the map itself finds on other rows."""

import numpy as np
import pytest

from lowland.analysis.rankings import ranking_verdicts


def test_nothing_measured_nothing_found(small):
    assert ranking_verdicts(small) == []


def test_rankings_by_mean_recall_over_the_recipes(faulty):
    ten, hundred = ranking_verdicts(faulty)
    assert (ten["k"], hundred["k"], ten["num_recipes"], ten["num_cells"]) == (10, 100, 2, 4)
    assert [entry["ranking"] for entry in ten["rankings"]] == ["matched", "first_order", "magnitude"]
    best = ten["rankings"][0]
    # Two recipes at 0.92 and 0.88: t(0.975, 1) = 12.706 times 0.02.
    # Bent so that it ends at 1: (mean - end)² = half²/(mean(1 - mean))·end(1 - end).
    assert best["mean"] == pytest.approx(0.9) and best["high"] < 1
    for end in (best["low"], best["high"]):
        assert (0.9 - end) ** 2 == pytest.approx((12.706 * 0.02) ** 2 / 0.09 * end * (1 - end), rel=1e-3)


def test_the_map_on_other_rows_is_a_ceiling_and_never_wins(faulty):
    (ten, _) = ranking_verdicts(faulty)
    assert ten["ceiling"]["mean"] == pytest.approx(0.95)
    assert "truth_elsewhere" not in [entry["ranking"] for entry in ten["rankings"]]
    (bare, _) = ranking_verdicts(faulty[faulty.condition != "truth_elsewhere"])
    assert bare["ceiling"] is None and bare["rankings"] == ten["rankings"]


def test_rankings_are_compared_recipe_by_recipe(faulty):
    # Means differ by 0.2 between recipes and their intervals overlap; first order is behind by 0.2 in both.
    (ten, _) = ranking_verdicts(faulty)
    assert [entry["tied"] for entry in ten["rankings"]] == [True, False, False]
    close = faulty.copy()
    rows = (close.measure == "ranking_recall") & (close.condition == "first_order")
    close.loc[rows, "value"] = np.where(close.recipe[rows] == "plain", 0.95, 0.8)
    assert [entry["tied"] for entry in ranking_verdicts(close)[0]["rankings"]] == [True, True, False]


def test_one_recipe_has_no_interval(faulty):
    (best, *_) = ranking_verdicts(faulty[faulty.recipe == "plain"])[0]["rankings"]
    assert (best["mean"], best["low"], best["high"]) == (pytest.approx(0.92), None, None)
