"""The risk of the surest answers, over all coverages."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.disagreement import risk_coverage_area
from lowland.errors import LowlandError
from lowland.randomness import generator


def area(wrong):
    """Mean of the running error rates of answers in order."""
    return sum(sum(wrong[:k]) / k for k in range(1, len(wrong) + 1)) / len(wrong)


def mean_area(scores, wrong):
    """The mean over all orders of equal scores."""
    rows = list(zip(scores, wrong, strict=True))
    orders = (order for order in itertools.permutations(rows) if [r[0] for r in order] == sorted(scores))
    found = [area([r[1] for r in order]) for order in orders]
    return sum(found) / len(found)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=6))
def test_the_area_is_the_mean_over_orders_of_equal_scores(rows):
    scores, wrong = zip(*rows, strict=True)
    found = risk_coverage_area(torch.tensor(scores), torch.tensor(wrong))
    assert found.value == pytest.approx(mean_area(scores, wrong))


@pytest.mark.parametrize("levels", [4, 1000])
def test_the_error_is_that_of_leaving_rows_out(levels):
    g = generator("aurc", levels)
    scores = torch.randint(levels, (40,), generator=g)
    wrong = torch.rand(40, generator=g) < 0.3
    left = [risk_coverage_area(scores[torch.arange(40) != row], wrong[torch.arange(40) != row]) for row in range(40)]
    spread = torch.tensor([each.value for each in left], dtype=torch.float64).std(correction=0)
    assert risk_coverage_area(scores, wrong).standard_error == pytest.approx(math.sqrt(39) * float(spread), rel=1e-9)


def test_the_error_is_honest():
    found = []
    for draw in range(200):
        g = generator("aurc", "honest", draw)
        scores = torch.randn(300, generator=g)
        found.append(risk_coverage_area(scores, torch.rand(300, generator=g) < 0.4 * (scores - 1).sigmoid()))
    spread = torch.tensor([each.value for each in found]).std()
    told = torch.tensor([each.standard_error for each in found]).square().mean().sqrt()
    assert float(told / spread) == pytest.approx(1, abs=0.15)


def test_a_good_order_risks_less_than_a_bad_one_and_no_errors_risk_nothing():
    scores, wrong = torch.arange(50), torch.arange(50) >= 40
    assert risk_coverage_area(scores, wrong).value < 0.2 < risk_coverage_area(-scores, wrong).value
    assert risk_coverage_area(torch.zeros(50), wrong).value == pytest.approx(0.2)
    none = risk_coverage_area(scores, torch.zeros(50))
    assert (none.value, none.standard_error, none.status) == (0, 0, "ok")


def test_what_has_no_order_is_a_status_or_refused():
    assert risk_coverage_area(torch.tensor([0.0, torch.nan]), torch.tensor([0, 1])).status == "non_finite"
    assert risk_coverage_area(torch.tensor([0.0]), torch.tensor([1])).status == "undefined"
    with pytest.raises(LowlandError, match="wrong: got other values"):
        risk_coverage_area(torch.zeros(2), torch.tensor([0, 3]))
