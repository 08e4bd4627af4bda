"""The Pareto front against a slow and obvious search."""

import numpy as np

from lowland.analysis.criteria import Criterion, robustness_criteria
from lowland.analysis.pareto import SIZE_TOLERANCE, pareto
from lowland.analysis.score import Score
from tests.made_study.first_day import lost


def test_the_front_is_what_nothing_beats(tables):
    for _, rows in tables.pareto.groupby("robustness"):
        for mine in rows.itertuples():
            beaten = False
            for other in rows.itertuples():
                at_least = (
                    other.size <= mine.size * (1 + SIZE_TOLERANCE)
                    and other.score >= mine.score
                    and other.robust >= mine.robust
                )
                better = (
                    other.size < mine.size * (1 - SIZE_TOLERANCE)
                    or other.score > mine.score
                    or other.robust > mine.robust
                )
                beaten |= at_least and better
            assert (mine.standing == "front") == (not beaten)
            assert (mine.dominated_by == "") == (not beaten)


def test_near_means_that_the_seeds_do_not_vouch_for_it(tables):
    rows = tables.pareto[tables.pareto.robustness == "score_gaussian"]
    near = rows[rows.standing == "near"]
    assert len(near)
    for mine in near.itertuples():
        recipe, precision = mine.dominated_by.split(" ")
        other = rows[(rows.recipe == recipe) & (rows.precision == precision)].iloc[0]
        assert other.score_low <= mine.score_high
        assert other.robust_low <= mine.robust_high


def test_the_most_accurate_is_on_the_front(tables):
    for _, rows in tables.pareto.groupby("robustness"):
        assert rows.loc[rows.score.idxmax(), "standing"] == "front"
        assert rows.loc[rows.robust.idxmax(), "standing"] == "front"


def test_a_selected_criterion(small):
    chosen = Criterion("hard", "50 % noise", "noise", "accuracy", "gaussian", level=50.0)
    found = pareto(small, robustness=[chosen])
    assert set(found.robustness) == {"hard"}
    assert len(found) == 6


def test_no_number_no_standing(small):
    broken = small.copy()
    at = (broken.family == "noise") & (broken.recipe == "plain") & (broken.precision == "qat4")
    broken.loc[at, "status"], broken.loc[at, "value"] = "non_finite", np.nan
    found = pareto(broken)
    row = found[(found.robustness == "score_gaussian") & (found.recipe == "plain") & (found.precision == "qat4")].iloc[
        0
    ]
    assert row.standing == "undefined"
    assert row.num_not_ok == 2


def test_without_disturbances_there_is_no_front(small):
    quiet = small[small.family.isin(["performance", "cost"])]
    assert robustness_criteria(quiet, Score.named("accuracy")) == ()
    assert pareto(quiet).empty


def test_one_seed_leaves_nothing_beyond_doubt_but_the_size(small):
    found = pareto(small[small.seed == "s0"])
    assert found.score_low.isna().all()
    assert (found.num_seeds == 1).all()
    dominated = found[found.standing == "dominated"]
    for row in dominated.itertuples():
        smaller = found[(found.robustness == row.robustness) & (found["size"] < row.size * (1 - SIZE_TOLERANCE))]
        assert ((smaller.score >= row.score) & (smaller.robust >= row.robust)).any()
    assert found.score.notna().all()


def test_a_survivor_stands_on_no_front(tiny):
    front = pareto(tiny)
    names = front[front.standing == "front"].iloc[0]
    at = (tiny.recipe == names.recipe) & (tiny.precision == names.precision) & (tiny.seed == "s1")
    found = pareto(lost(tiny, at))
    ours = (found.recipe == names.recipe) & (found.precision == names.precision)
    assert set(found.standing[ours]) <= {"incomplete", "dominated"} and "incomplete" in set(found.standing[ours])
    assert not found.dominated_by[~ours].eq(f"{names.recipe} {names.precision}").any()
    assert (found.standing[~ours] == "front").any()
