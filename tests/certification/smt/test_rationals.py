"""Numbers stay what they are, and the sigmoid lies between its bounds."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.smt.rationals import (
    change_of_confidence,
    confidence,
    float_above,
    float_below,
    fractions,
    literal,
    logit_above,
    logit_below,
)


def test_floats_are_fractions_without_loss():
    values = torch.tensor([0.1, -3.0, 2**-30])
    assert [float(value) for value in fractions(values)] == values.double().tolist()


@pytest.mark.parametrize(
    "value, text",
    [(3, "3.0"), (-3, "(- 3.0)"), (Fraction(1, 3), "(/ 1.0 3.0)"), (Fraction(-1, 4), "(- (/ 1.0 4.0))"), (0, "0.0")],
)
def test_numbers_as_text(value, text):
    assert literal(value) == text


@settings(deadline=None)
@given(st.fractions(-50, 50))
def test_the_sigmoid_lies_between_its_bounds(logit):
    low, high = confidence(logit)
    assert 0 <= low < high <= 1
    assert high - low < Fraction(1, 10**39)
    assert float(low) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-12, abs=1e-30)


@settings(deadline=None)
@given(st.fractions(-20, 20))
def test_logits_are_rounded_outward_and_little(logit):
    low, high = confidence(logit)
    below, above = logit_below(low), logit_above(high)
    assert below < logit < above
    assert above - below < Fraction(1, 10**11)


def test_a_logit_that_is_infinite_is_none():
    assert [logit_below(Fraction(p)) for p in (0, 1, 2, -1)] == [None] * 4
    assert logit_above(Fraction(1)) is None


def test_logits_too_large_for_any_float_have_a_confidence():
    assert confidence(Fraction(10) ** 9)[1] == 1
    assert confidence(-(Fraction(10) ** 9))[0] == 0


@settings(deadline=None)
@given(st.fractions(-9, 9), st.fractions(-9, 9))
def test_the_change_of_confidence_is_that_of_the_sigmoid(before, after):
    low, high = change_of_confidence(before, after)
    expected = abs(1 / (1 + math.exp(-after)) - 1 / (1 + math.exp(-before)))
    assert 0 <= low <= high
    assert float(high) == pytest.approx(expected, abs=1e-15)


@settings(deadline=None)
@given(st.fractions())
def test_floats_on_either_side(value):
    assert Fraction(float_below(value)) <= value <= Fraction(float_above(value))
