"""Who may be the best of all: critical values, coverage, and configurations that spread far more than the others."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.best import may_be_best, one_sided_critical_value, seeds_to_tell, spread_apart


@pytest.mark.parametrize(
    ("comparisons", "freedom", "published"),
    [(1, 10, 1.81), (2, 10, 2.15), (3, 10, 2.34), (9, 20, 2.60), (4, 5, 2.85), (5, 5, 2.98), (4, 60, 2.21)],
)
def test_critical_values_are_those_of_dunnetts_table(comparisons, freedom, published):
    assert one_sided_critical_value(comparisons, freedom, 0.95) == pytest.approx(published, abs=0.0151)


@pytest.mark.parametrize(("comparisons", "freedom"), [(2, 4), (6, 14), (12, 30)])
def test_critical_values_are_those_of_the_multivariate_t_distribution(comparisons, freedom):
    critical = one_sided_critical_value(comparisons, freedom, 0.95)
    correlation = np.full((comparisons, comparisons), 0.5) + 0.5 * np.eye(comparisons)
    drawn = stats.multivariate_t(shape=correlation, df=freedom, seed=1)
    assert drawn.cdf(np.full(comparisons, critical), maxpts=200_000 * comparisons) == pytest.approx(0.95, abs=5e-4)


def test_two_configurations_are_compared_by_the_paired_t_test():
    draws = np.random.default_rng(0)
    for shift in (0.5, 1.0, 1.5, 2.0, 3.0):
        scores = draws.normal(size=(2, 5))
        scores[0] += shift
        p = stats.ttest_rel(scores[0], scores[1], alternative="greater").pvalue
        frame = pd.DataFrame(scores, index=["first", "second"])
        assert may_be_best(frame)["second"] == (p > 0.05)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_truly_best_is_among_them_in_95_of_100(seeds):
    draws, kept, told = np.random.default_rng(seeds), 0, 0
    means = np.linspace(0, 1.5, 8)
    for _ in range(600):
        scores = means[:, None] + draws.normal(size=(1, seeds)) * 3 + draws.normal(size=(8, seeds)) * 0.3
        found = may_be_best(pd.DataFrame(scores))
        kept += found[7]
        told += found.sum()
    assert kept >= 600 * 0.95 - 3 * np.sqrt(600 * 0.95 * 0.05)
    assert told / 600 < 5.5  # seeds differ ten times as much as configurations: blocks take that out


def test_one_that_spreads_far_more_does_not_tie_all_others():
    draws, apart, with_all, without = np.random.default_rng(7), 0, 0, 0
    for _ in range(200):
        scores = np.linspace(0, 1, 8)[:, None] + draws.normal(size=(8, 5)) * 0.05
        scores[2] += draws.normal(size=5) * 3
        apart += spread_apart(scores)[2]
        found = may_be_best(pd.DataFrame(scores))
        with_all += found.sum()
        without += may_be_best(pd.DataFrame(np.delete(scores, 2, 0))).sum()
    assert apart > 190
    assert with_all <= without + 200  # itself, which nobody can tell from the best, and no one beside it


def test_equal_variances_are_seldom_told_apart():
    draws = np.random.default_rng(3)
    found = [spread_apart(draws.normal(size=(8, 4))).any() for _ in range(500)]
    assert np.mean(found) < 0.01 + 3 * np.sqrt(0.01 * 0.99 / 500)


def test_lowest_is_best_where_that_is_so_and_order_does_not_matter():
    scores = pd.DataFrame(np.random.default_rng(5).normal(size=(6, 4)) + 2 * np.arange(6)[:, None])
    found = may_be_best(-scores, higher_is_better=False)
    assert found.equals(may_be_best(scores))
    mixed = scores.sample(frac=1, random_state=0)
    assert may_be_best(mixed).sort_index().equals(may_be_best(scores))
    assert found[5] and not found[0]


def test_without_two_seeds_in_common_nothing_is_told_apart():
    scores = pd.DataFrame([[1.0, np.nan], [np.nan, 2.0], [9.0, 9.0]])
    assert may_be_best(scores).all()
    assert may_be_best(pd.DataFrame([[1.0], [2.0]])).all()


def test_equal_numbers_without_any_spread_are_told_apart_exactly():
    scores = pd.DataFrame([[0.1 + 0.2] * 3, [0.3] * 3, [0.2] * 3])
    assert list(may_be_best(scores)) == [True, True, False]


@pytest.mark.parametrize(("seeds", "gap"), [(3, 0.4), (3, 1.0), (4, 0.6)])
def test_so_many_seeds_of_the_same_means_and_spreads_tell_and_one_less_does_not(seeds, gap):
    """Seeds are added so that means and covariances of all configurations are what they were."""
    draws = np.random.default_rng(seeds)
    scores = np.array(list(permutations(np.linspace(-1, 1, seeds)))) + draws.normal(size=seeds)
    scores -= scores.mean(1, keepdims=True)
    scores[0] += gap
    needed = seeds_to_tell(pd.DataFrame(scores), 0, 1, most=5000)
    assert not spread_apart(scores).any() and needed is not None and needed > len(scores)
    sizes, axes = np.linalg.eigh(np.cov(scores))

    def more(total):
        fresh = draws.normal(size=(total, len(scores)))
        independent = np.linalg.qr(fresh - fresh.mean(0))[0] * np.sqrt(total - 1)
        return pd.DataFrame(scores.mean(1)[:, None] + axes * np.sqrt(np.clip(sizes, 0, None)) @ independent.T)

    assert not may_be_best(more(needed))[1] and may_be_best(more(needed - 1))[1]


def test_what_no_number_of_seeds_tells():
    values = pd.DataFrame([[1.0, 1.2, 1.4], [1.1, 1.1, 1.4], [1.3, 1.0, 1.3]])
    assert seeds_to_tell(values, 0, 1, most=1000) is None, "equal means"
    assert seeds_to_tell(values[[0]], 0, 2, most=1000) is None, "one seed"
    apart = values + np.array([[0.001], [0], [0]])
    assert seeds_to_tell(apart, 0, 1, most=100) is None
    assert seeds_to_tell(values + np.array([[5], [0], [0]]), 0, 1, most=100) == 2
