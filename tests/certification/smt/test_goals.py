"""Regions hold every counterexample, and in one point nothing else."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.smt import Deviation, Margin


def lies_in(region, margin, reference):
    return (
        (region.at_least is None or reference >= region.at_least)
        and (region.at_most is None or reference <= region.at_most)
        and (region.above is None or margin > region.above)
        and (region.below is None or margin < region.below or (region.closed and margin == region.below))
    )


@settings(max_examples=30, deadline=None)
@given(st.fractions(-4, 4), st.fractions(-6, 6), st.sampled_from([Fraction(1, 50), Fraction(1, 3), Fraction(9, 10)]))
def test_no_counterexample_lies_outside(reference, margin, change):
    coarse, fine = Deviation((1, 0), change, cells=3), Deviation((1, 0), change, cells=50)
    ends = (Fraction(-4), Fraction(4))
    inside = [any(lies_in(region, margin, reference) for region in goal.regions(ends)) for goal in (coarse, fine)]
    if coarse.reached(margin, reference):
        assert all(inside)
    smaller = Deviation((1, 0), max(change - Fraction(1, 49), Fraction(1, 10**9)))
    if inside[1]:  # a fiftieth of the confidence is what a cell can hide
        assert smaller.reached(margin, reference) or smaller.change == Fraction(1, 10**9)


@settings(deadline=None)
@given(st.fractions(-4, 4), st.fractions(-6, 6))
def test_around_one_point_regions_are_the_counterexamples(reference, margin):
    goal = Deviation((1, 0), Fraction(1, 5))
    inside = any(lies_in(region, margin, reference) for region in goal.regions((reference, reference)))
    assert inside == goal.reached(margin, reference)


def test_a_confidence_that_cannot_rise_further_has_one_side():
    regions = Deviation((1, 0), Fraction(1, 2)).regions((Fraction(3), Fraction(3)))
    assert len(regions) == 1
    assert regions[0].above is None


@pytest.mark.parametrize("strict, at_threshold", [(True, False), (False, True)])
def test_a_margin_at_the_threshold(strict, at_threshold):
    goal = Margin((0, 1), Fraction(1, 2), strict)
    (region,) = goal.regions((Fraction(0), Fraction(0)))
    assert lies_in(region, Fraction(1, 2), Fraction(0)) == goal.reached(Fraction(1, 2), Fraction(0)) == at_threshold
