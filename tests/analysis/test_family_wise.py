"""Holm's adjustment, against the definition."""

import numpy as np
import pytest

from lowland.analysis.family_wise import holm


def test_each_chance_counts_the_tests_that_are_not_decided_yet():
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert holm(np.array([0.02])).tolist() == [0.02]


def test_what_was_not_tested_does_not_count():
    found = holm(np.array([np.nan, 0.01, np.nan, 0.02]))
    assert np.isnan(found[[0, 2]]).all() and found[[1, 3]].tolist() == pytest.approx([0.02, 0.02])
    assert np.isnan(holm(np.array([np.nan]))).all() and len(holm(np.array([]))) == 0
