"""Row by row gradients against one row after the other."""

import math

import pytest
import torch
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.measures.gradient import _quantile, gradient_norms
from tests.cases import CASES
from tests.oracles import dense_gradient

ALL = [name for name in CASES if name != "batch statistics"]  # whose rows are not independent


@pytest.mark.parametrize("name", ALL)
def test_norms_equal_those_of_one_row_after_the_other(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    expected = torch.stack(
        [dense_gradient(model, case.loss, inputs[r : r + 1], targets[r : r + 1]).norm() for r in range(len(inputs))]
    )
    found = gradient_norms(model, case.loss, [(inputs, targets)])
    torch.testing.assert_close(found.norms, expected, rtol=1e-10, atol=1e-14)
    assert found.estimates[2].value == pytest.approx(float(expected.median()), rel=0.5)
    pieces = list(zip(inputs.split(5), targets.split(5), strict=True))
    torch.testing.assert_close(gradient_norms(model, case.loss, pieces).norms, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("count", [20, 50, 100, 300, 2000])
@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_quantiles_have_honest_standard_errors(count, skew):
    """Normal and lognormal samples of any size: where there is a standard error, it is right."""
    draws = torch.Generator().manual_seed(count)
    samples = torch.randn(400, count, generator=draws, dtype=torch.float64).sort().values
    for level, place in ((0.05, -1.6448536), (0.25, -0.6744898), (0.5, 0.0), (0.95, 1.6448536)):
        truth = torch.tensor(place, dtype=torch.float64)
        rows, truth = (samples.exp(), truth.exp()) if skew else (samples, truth)
        estimates = [_quantile(row, level) for row in rows]
        if min(level, 1 - level) < 0.1 and count < 72:
            assert all(e.status == "undefined" and e.standard_error != e.standard_error for e in estimates)
            continue
        assert all(e.status == "ok" and e.num_samples == count for e in estimates)
        scores = torch.tensor([(e.value - float(truth)) / e.standard_error for e in estimates])
        assert 0.8 < float(scores.var()) < 1.25, (level, scores.var())
        assert abs(float(scores.mean())) < 4 / 400**0.5


def test_limits_of_a_quantile_are_those_of_the_binomial_distribution():
    """By counting: the chance that so many rows lie below the quantile."""
    count, level = 100, 0.5
    below = [math.comb(count, k) * level**k * (1 - level) ** (count - k) for k in range(count + 1)]
    rows = torch.arange(1.0, 101.0, dtype=torch.float64)
    width = _quantile(rows, level).standard_error * 2 * 1.959964
    lower = next(k for k in range(count + 1) if sum(below[: k + 1]) > 0.025)
    assert 101 - 2 * (lower + 1) <= width <= 101 - 2 * lower
    assert _quantile(rows, level).value == 50.5


@pytest.mark.parametrize(("level", "fewest"), [(0.05, 72), (0.95, 72), (0.25, 13), (0.5, 6)])
def test_too_few_rows_have_no_standard_error(level, fewest):
    """Then one of the limits lies outside the sample."""
    rows = torch.randn(fewest, generator=torch.Generator().manual_seed(1)).double().sort().values
    assert _quantile(rows, level).status == "ok"
    few = _quantile(rows[1:], level)
    assert few.status == "undefined" and math.isfinite(few.value) and math.isnan(few.standard_error)
    assert _quantile(rows[:1], level).value == float(rows[0])


def test_rows_of_the_long_table():
    case = CASES["mlp"]
    found = gradient_norms(case.model(), case.loss, [case.data()], quantiles=(0.25, 0.95))
    assert [(r.family, r.measure, r.level) for r in found.rows()] == [
        ("landscape", "sample_gradient_norm", level) for level in (0.25, 0.95)
    ]
    assert [r.estimate.status for r in found.rows()] == ["ok", "undefined"]
    assert all(r.estimate.num_samples == case.rows for r in found.rows())


def test_a_row_that_is_not_finite_makes_every_quantile_so():
    case = CASES["mlp"]
    inputs, targets = case.data()
    inputs[3] = torch.nan
    assert {e.status for e in gradient_norms(case.model(), case.loss, [(inputs, targets)]).estimates} == {"non_finite"}


@pytest.mark.parametrize("quantiles", [(), (0.0,), (0.5, 1.0)])
def test_levels_out_of_range_are_told(quantiles):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match="quantiles: got"):
        gradient_norms(case.model(), functional.cross_entropy, [case.data()], quantiles=quantiles)
