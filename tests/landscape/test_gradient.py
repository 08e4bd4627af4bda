"""Row by row gradients against one row after the other."""

import pytest
import torch
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.gradient import _quantile, gradient_norms
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


def test_quantiles_have_honest_standard_errors():
    draws = torch.Generator().manual_seed(0)
    for level, truth in ((0.25, -0.6744898), (0.5, 0.0), (0.95, 1.6448536)):
        samples = torch.randn(200, 4000, generator=draws, dtype=torch.float64)
        estimates = [_quantile(row, level) for row in samples]
        scores = torch.tensor([(e.value - truth) / e.standard_error for e in estimates])
        assert 0.8 < scores.var().item() < 1.25
        assert abs(scores.mean().item()) < 4 / 200**0.5


def test_rows_of_the_long_table():
    case = CASES["mlp"]
    found = gradient_norms(case.model(), case.loss, [case.data()], quantiles=(0.1, 0.9))
    assert [(r.family, r.measure, r.level) for r in found.rows()] == [
        ("landscape", "sample_gradient_norm", level) for level in (0.1, 0.9)
    ]
    assert all(r.estimate.status == "ok" and r.estimate.num_samples == case.rows for r in found.rows())


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
