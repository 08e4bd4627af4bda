"""Measures of uncertainty: what they are, what they share, and when they are one."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.disagreement import UNCERTAINTY_MEASURES, distinct_measures, uncertainty
from lowland.errors import LowlandError
from lowland.randomness import generator


def test_values_by_hand():
    logits = torch.tensor([[math.log(0.5), math.log(0.3), math.log(0.2)]], dtype=torch.float64)
    told = {measure: float(uncertainty(logits, measure)) for measure in UNCERTAINTY_MEASURES}
    assert told == pytest.approx(
        {
            "margin": 0.8,
            "least_confidence": 0.5,
            "entropy": -sum(p * math.log(p) for p in (0.5, 0.3, 0.2)),
            "gini": 1 - 0.25 - 0.09 - 0.04,
            "energy": 0.0,
            "logit_margin": -math.log(0.5 / 0.3),
        },
        abs=1e-12,
    )


@given(st.lists(st.floats(-30, 30), min_size=3, max_size=3), st.floats(1.1, 5))
def test_hotter_outputs_are_less_sure_and_shifted_ones_alike(row, temperature):
    logits = torch.tensor([row]).double()
    for measure in UNCERTAINTY_MEASURES:
        plain = uncertainty(logits, measure)
        if measure != "energy":
            assert uncertainty(logits, measure, temperature=temperature) >= plain - 1e-12
            assert torch.allclose(uncertainty(logits + 7, measure), plain, atol=1e-9)
        assert torch.equal(uncertainty(logits, measure, temperature=2.0), uncertainty(logits / 2, measure))


def test_with_two_classes_all_but_the_energy_rank_alike():
    logits = torch.randn(500, 2, generator=generator("two")).double()
    order = uncertainty(logits, "margin").argsort()
    for measure in UNCERTAINTY_MEASURES:
        ranked = uncertainty(logits, measure)[order]
        assert bool((ranked.diff() >= -1e-12).all()) == (measure != "energy"), measure
    assert distinct_measures(UNCERTAINTY_MEASURES, 2) == ("margin", "energy")
    assert distinct_measures(("entropy", "energy", "gini"), 2) == ("entropy", "energy")
    assert distinct_measures(UNCERTAINTY_MEASURES, 3) == UNCERTAINTY_MEASURES


def test_certain_rows_have_no_entropy_and_broken_ones_no_number():
    logits = torch.tensor([[1e4, 0.0, -1e4], [torch.nan, 0.0, 0.0], [torch.inf, 0.0, 0.0]])
    for measure in UNCERTAINTY_MEASURES:
        assert uncertainty(logits, measure).isnan().tolist() == [False, True, True]
    assert float(uncertainty(logits, "entropy")[0]) == 0


@pytest.mark.parametrize(
    ("logits", "more", "told"),
    [
        (torch.zeros(3), {}, "expected \\[rows, classes\\]"),
        (torch.zeros(3, 1), {}, "two classes or more"),
        (torch.zeros(3, 2), {"measure": "vibes"}, "expected one of margin"),
        (torch.zeros(3, 2), {"temperature": 0.0}, "temperature: got 0.0"),
    ],
)
def test_what_is_none_is_refused(logits, more, told):
    with pytest.raises(LowlandError, match=told):
        uncertainty(logits, **{"measure": "margin", **more})
