"""Against scipy, against rows that are really repeated, and over many studies without any relation."""

import numpy as np
import pytest
from scipy import stats

from lowland.analysis.rank_correlation import (
    MOMENTS,
    coefficient,
    interval,
    kendall_moments,
    resampled_clusters,
    spearman_moments,
)

SCIPY = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}


def _data(rng, num_clusters=5, rows=20, ties=False):
    x, y = rng.normal(size=(3, rows)), rng.normal(size=(2, rows))
    if ties:
        x, y = np.round(x), np.round(y)
    return x, y, rng.integers(0, num_clusters, rows)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_one_stratum_is_the_textbook_number(statistic, ties):
    x, y, clusters = _data(np.random.default_rng(0), ties=ties)
    found = coefficient([MOMENTS[statistic](x, y, clusters, np.ones((1, 5)))])[0]
    expected = [[SCIPY[statistic](a, b).statistic for b in y] for a in x]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_weights_are_repeated_rows(statistic):
    rng = np.random.default_rng(1)
    x, y, clusters = _data(rng)
    weights = resampled_clusters(5, num_resamples=6, seed=0)
    found = coefficient([MOMENTS[statistic](x, y, clusters, weights)])
    for w, resampled in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(20), w[clusters].astype(int))
        expected = [[SCIPY[statistic](a[rows], b[rows]).statistic for b in y] for a in x]
        np.testing.assert_allclose(resampled, expected, atol=1e-12)


@pytest.mark.parametrize("moments", [spearman_moments, kendall_moments])
def test_strata_forget_everything_but_the_order_inside(moments):
    rng = np.random.default_rng(2)
    parts = [_data(rng) for _ in range(3)]
    plain = coefficient([moments(x, y, c, np.ones((1, 5))) for x, y, c in parts])
    bent = coefficient(
        [moments(np.exp(x) * 10.0**k + k, y**3 - 7 * k, c, np.ones((1, 5))) for k, (x, y, c) in enumerate(parts)]
    )
    np.testing.assert_allclose(bent, plain, atol=1e-12)


def test_two_u_shapes_in_the_bits_are_no_relation():
    # What ranks with the bits partialled out get wrong: both curves are worst at the ends of the bit range.
    rng = np.random.default_rng(3)
    bits = np.repeat([2, 4, 6, 8, 12], 24)
    shape = (bits - 6.0) ** 2
    x, y = shape + rng.normal(size=120), shape + rng.normal(size=120)
    clusters = np.tile(np.repeat(np.arange(8), 3), 5)
    ones = np.ones((1, 8))
    pooled = coefficient([spearman_moments(x[None], y[None], clusters, ones)]).item()
    each = [bits == b for b in np.unique(bits)]
    inside = [spearman_moments(x[None, m], y[None, m], clusters[m], ones) for m in each]
    assert pooled > 0.7
    assert abs(coefficient(inside).item()) < 0.2


def test_a_constant_has_no_correlation():
    x, y, clusters = _data(np.random.default_rng(4))
    x[0] = 3.0
    for moments in MOMENTS.values():
        found = coefficient([moments(x, y, clusters, np.ones((1, 5)))])[0]
        assert np.isnan(found[0]).all()
        assert np.isfinite(found[1:]).all()


def test_resamples_draw_as_many_clusters_as_there_are():
    weights = resampled_clusters(8, num_resamples=50, seed=1)
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == 8).all()
    np.testing.assert_array_equal(weights, resampled_clusters(8, num_resamples=50, seed=1))


def test_fewer_than_three_clusters_give_no_interval():
    low, high = interval(np.full((10, 1, 1), 0.5), num_clusters=2)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def _studies(rng, num_studies, *, alike_seeds, alike_precisions, rho=0.0, recipes=8, seeds=3, precisions=7):
    """In how many of many studies the interval excludes zero."""

    def variable(shared):
        recipe = shared
        inside = rng.normal(size=(num_studies, precisions, recipes, 1))
        noise = rng.normal(size=(num_studies, precisions, recipes, seeds))
        common = np.sqrt(alike_precisions) * recipe + np.sqrt(1 - alike_precisions) * inside
        return np.sqrt(alike_seeds) * common + np.sqrt(1 - alike_seeds) * noise

    first = rng.normal(size=(num_studies, 1, recipes, 1))
    second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=first.shape)
    x, y = variable(first), variable(second)
    clusters = np.repeat(np.arange(recipes), seeds)
    weights = resampled_clusters(recipes, num_resamples=250, seed=7)
    excluded = []
    for a, b in zip(x.reshape(num_studies, precisions, -1), y.reshape(num_studies, precisions, -1), strict=True):
        moments = [spearman_moments(p[None], q[None], clusters, weights) for p, q in zip(a, b, strict=True)]
        low, high = interval(coefficient(moments), num_clusters=recipes)
        excluded.append(low.item() > 0 or high.item() < 0)
    return float(np.mean(excluded))


@pytest.mark.parametrize(("alike_seeds", "alike_precisions"), [(0.95, 0.95), (0.5, 0.5), (0.1, 0.5)])
def test_studies_without_a_relation_rarely_show_one(alike_seeds, alike_precisions):
    # Nominal 5 %; 150 studies have a standard error of 1.8 %, and 11 % or more would happen once in 500 tries.
    rate = _studies(np.random.default_rng(5), 150, alike_seeds=alike_seeds, alike_precisions=alike_precisions)
    assert rate < 0.11


def test_studies_with_a_strong_relation_show_it():
    rate = _studies(np.random.default_rng(6), 60, alike_seeds=0.9, alike_precisions=0.9, rho=0.9)
    assert rate > 0.8
