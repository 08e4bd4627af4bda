"""Predictions of what flips cost: identities, a slow oracle, and truths that rows alone make."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.fault_ranking import Comparison, relations, reliability

SOURCE = np.random.default_rng(0)


def networks(recipes=12, strata=("a", "b")):
    found = []
    for stratum in strata:
        size = SOURCE.normal(size=recipes)
        rise = size + 0.3 * SOURCE.normal(size=recipes)
        for recipe in range(recipes):
            other = SOURCE.normal()
            found.append(
                (stratum, f"r{recipe}", size[recipe], other, other + 0.1 * SOURCE.normal(), np.exp(rise[recipe]))
            )
    return pd.DataFrame(found, columns=["stratum", "recipe", "good", "bad", "bad_too", "rise"])


def found(frame, predictors, **options):
    asked = {"truth": "rise", "strata": ["stratum"], "cluster": "recipe", "reference": "good", "control": "bad"}
    return relations(frame, predictors, Comparison(**asked | options))


def test_within_one_stratum_the_coefficient_is_spearmans():
    frame = networks(strata=("a",))
    rho = found(frame, {"good": "good", "bad": "bad"})["good"].rho
    assert rho.value == pytest.approx(stats.spearmanr(frame.good, frame.rise).statistic)
    assert rho.low < rho.value < rho.high


def test_over_strata_of_one_size_it_is_their_mean():
    frame = networks()
    each = [stats.spearmanr(part.good, part.rise).statistic for _, part in frame.groupby("stratum")]
    assert found(frame, {"good": "good", "bad": "bad"})["good"].rho.value == pytest.approx(np.mean(each))


def test_a_predictor_is_not_behind_itself_and_one_of_noise_surely_is():
    said = found(networks(40), {"good": "good", "bad": "bad"})
    assert said["good"].behind.value == said["good"].behind.low == said["good"].behind.high == 0
    assert said["bad"].behind.surely_above and not said["bad"].behind.surely_below


def test_draws_of_one_predictor_are_averaged():
    frame = networks()
    said = found(frame, {"good": "good", "bad": ["bad", "bad_too"], "one": "bad", "two": "bad_too"})
    assert said["bad"].rho.value == pytest.approx((said["one"].rho.value + said["two"].rho.value) / 2)


def test_the_partial_coefficient_is_that_of_the_residual_ranks():
    frame = networks(strata=("a",))
    ranks = {name: stats.rankdata(frame[name]) for name in ("good", "bad", "rise")}
    left = {name: ranks[name] - np.polyval(np.polyfit(ranks["bad"], ranks[name], 1), ranks["bad"]) for name in ranks}
    said = found(frame, {"good": "good", "bad": "bad"})
    assert said["good"].partial.value == pytest.approx(np.corrcoef(left["good"], left["rise"])[0, 1])
    assert np.isnan(said["bad"].partial.value)


def test_two_clusters_give_no_interval():
    said = found(networks(2), {"good": "good", "bad": "bad"})
    assert np.isnan(said["good"].rho.low) and np.isnan(said["bad"].behind.high)


def test_an_unknown_reference_is_named():
    with pytest.raises(KeyError, match="better"):
        found(networks(), {"good": "good", "bad": "bad"}, reference="better")


def test_reliability_is_that_of_simulated_truths():
    """Log rises with a spread of 0.5 and errors of 0.1 and 0.5, which the rows make."""
    truths = np.exp(0.5 * SOURCE.normal(size=200))
    for error, expected in ((0.1, 1 - 0.01 / 0.26), (0.5, 0.5)):
        rows = 400
        noise = SOURCE.gamma(1 / (error**2 * rows), error**2 * rows, size=(200, rows))  # mean 1, of the mean: error
        assert reliability(truths[:, None] * noise) == pytest.approx(expected, abs=0.1)


def test_what_all_networks_share_of_the_rows_is_no_error():
    hard = SOURCE.gamma(0.1, 10, size=300)
    truths = np.exp(0.5 * SOURCE.normal(size=20))
    assert reliability(truths[:, None] * hard) == pytest.approx(1)


@pytest.mark.parametrize(
    "rises", [np.ones((2, 9)), np.ones((4, 9)), np.stack([-np.ones(9), np.ones(9), 2 * np.ones(9)])]
)
def test_reliability_is_undefined_for_few_or_equal_networks_and_where_flips_repair(rises):
    assert np.isnan(reliability(rises))
