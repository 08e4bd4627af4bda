"""A line of the table of half-lives: numbers with their intervals, bounds as such."""

import numpy as np
import pytest

from lowland.analysis.half_lives import HalfLife, HalfLifeComparison
from lowland.report.sentences.half_lives import half_life_row

MISSING, DASH = float("nan"), "\N{EN DASH}"
BOUND = "median; 1 outside the levels"


@pytest.mark.parametrize(
    ("life", "condition", "shown", "interval", "title"),
    [
        (HalfLife(1.1e-5, 1e-5, 1.2e-5, "mean", 3, 0, 0), "bit_error_rate", "1.1·10⁻⁵", "10⁻⁵ to 1.2·10⁻⁵", "3 seeds"),
        (HalfLife(20, MISSING, MISSING, "mean", 1, 0, 1), "gaussian", "20", "", "1 seed, 1 without a number"),
        (HalfLife(5, -1, 11, "mean", 2, 0, 0), "gaussian", "5", "0 to 11", "2 seeds"),
        (HalfLife(50, 50, np.inf, "beyond", 2, 2, 0), "gaussian", "> 50", "", "2 seeds, median; 2 outside the levels"),
        (HalfLife(5, 0, 5, "before", 1, 1, 0), "gaussian", "< 5", "", f"1 seed, {BOUND}"),
        (HalfLife(2, 0, 2, "beyond", 1, 1, 0), "requantization", "< 2", "", f"1 seed, {BOUND}"),
        (HalfLife(2.2, 0, 2.3, "median", 3, 1, 0), "requantization", "2.2", "seeds up to 2.3", f"3 seeds, {BOUND}"),
        (HalfLife(20, 10, np.inf, "median", 3, 1, 0), "gaussian", "20", "seeds from 10", f"3 seeds, {BOUND}"),
        (HalfLife(MISSING, MISSING, MISSING, "missing", 0, 0, 2), "gaussian", DASH, "", "no number"),
        (None, "gaussian", DASH, "", ""),
    ],
)
def test_numbers_and_bounds(life, condition, shown, interval, title):
    (found,) = half_life_row(HalfLifeComparison("bit_flip", condition, "", (life,), (False,))).cells
    assert (found.shown, found.interval, found.title) == (shown, interval, title)


def test_the_row_names_the_disturbance_and_its_unit():
    lives = tuple(HalfLife(v, v, v, "mean", 2, 0, 0) for v in (1.0, 2.0))
    row = half_life_row(HalfLifeComparison("bit_flip", "bit_error_rate", "scales", lives, (False, True)))
    assert row.label == "bit errors in scales, fixed rate" and row.unit
    assert [found.best for found in row.cells] == [False, True]
