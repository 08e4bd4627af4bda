"""Staircases round as the network does; their lines and borders leave no whole number on the wrong side."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.rounding.staircase import Staircase
from lowland.quantization.graph.rounding_steps import Requantize


def _staircases(seed, even):
    draws = np.random.default_rng(seed)
    count = 6
    shift = draws.integers(1, 12, count)
    multiplier = (np.int64(1) << draws.integers(0, 12, count)) if even else draws.integers(1, 2**11, count)
    lowest = int(draws.choice([-8, 0, -3]))
    lower = draws.integers(-200, 100, count)
    upper = lower + draws.integers(0, 200, count)
    return Staircase(multiplier, shift, lowest, lowest + 15), lower, upper


cases = given(st.integers(0, 10**6), st.booleans())


@settings(max_examples=100, deadline=None)
@cases
def test_codes_are_those_of_the_step(seed, even):
    stairs, _, _ = _staircases(seed, even)
    step = Requantize(
        "r", ("a",), bits=4, signed=False, lowest=stairs.lowest, scale=torch.ones(()),
        multiplier=torch.from_numpy(stairs.multiplier), shift=torch.from_numpy(stairs.shift),
    )  # fmt: skip
    values = np.arange(-200, 301)[:, None].repeat(6, 1)
    assert np.array_equal(stairs.codes(values), step.integer(torch.from_numpy(values)).numpy())


@settings(max_examples=100, deadline=None)
@cases
def test_the_first_integer_of_a_code_is_the_first(seed, even):
    stairs, _, _ = _staircases(seed, even)
    codes = np.arange(-20, 40)[:, None].repeat(6, 1)
    first = stairs.first_values(codes)
    assert bool((stairs.unclamped(first) >= codes).all())
    assert bool((stairs.unclamped(first - 1) < codes).all())


@settings(max_examples=100, deadline=None)
@cases
def test_lines_enclose_the_codes_and_meet_the_ends(seed, even):
    stairs, lower, upper = _staircases(seed, even)
    lines = stairs.lines(lower.astype(float), upper.astype(float))
    for element in range(6):
        values = np.arange(lower[element], upper[element] + 1)
        codes = stairs.at(np.array([element])).codes(values[:, None])[:, 0]
        above = lines.upper_slope[element] * values + lines.upper_offset[element]
        below = lines.lower_slope[element] * values + lines.lower_offset[element]
        assert bool((codes <= above).all())
        assert bool((codes >= below).all())
        assert (above - below).min() <= 16  # no wider than the codes themselves


@settings(max_examples=150, deadline=None)
@cases
def test_borders_admit_every_right_code_and_where_they_are_exact_no_other(seed, even):
    stairs, lower, upper = _staircases(seed, even)
    borders = stairs.borders(lower.astype(float), upper.astype(float))
    for element in range(6):
        one = stairs.at(np.array([element]))
        values = np.arange(lower[element], upper[element] + 1)
        codes, ratio = one.unclamped(values[:, None])[:, 0], float(one.ratio[0])
        first, last = one.codes(values[[0, -1], None])[:, 0]
        for code in range(first, last + 1):
            odd = code % 2
            admitted = (code - 0.5 + borders.lower[odd, element] <= ratio * values) & (
                ratio * values <= code + 0.5 + borders.upper[1 - odd, element]
            )
            assert bool(admitted[codes == code].all())
            if borders.exact[element]:
                inside = (codes != code) & (codes >= first) & (codes <= last)
                assert not bool(admitted[inside].any())


def test_ties_to_even_have_borders_by_parity():
    half = Staircase(np.array([1]), np.array([1]), 0, 15)  # every odd integer is a tie
    borders = half.borders(np.array([0.0]), np.array([20.0]))
    assert bool(borders.exact[0])
    assert bool(borders.by_parity[0])
    # The float ratio is exact, and nothing needs a tolerance: 1 -> 0, 3 -> 2, 5 -> 2.
    assert half.codes(np.array([[1], [3], [5]])).ravel().tolist() == [0, 2, 2]


def test_where_borders_are_too_narrow_for_a_solver_both_neighbours_are_admitted():
    stairs = Staircase(np.array([2**30 + 12345]), np.array([46]), 0, 2**16 - 1)
    borders = stairs.borders(np.array([0.0]), np.array([2.0**31]))
    assert not bool(borders.exact[0])
    assert borders.lower[0, 0] < borders.upper[0, 0]
