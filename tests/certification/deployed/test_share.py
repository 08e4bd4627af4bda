from __future__ import annotations

import math

import pytest
from scipy import stats

from lowland.certification.deployed import Share
from lowland.errors import LowlandError


@pytest.mark.parametrize("trials", [1, 7, 40])
@pytest.mark.parametrize("levels", [1, 3])
def test_ends_are_where_the_binomial_tails_reach_the_risk(trials: int, levels: int) -> None:
    risk = 0.1 / levels / 2
    for successes in range(trials + 1):
        share = Share.of(successes, trials, confidence=0.9, levels=levels)
        assert share.value == successes / trials and share.lower <= share.value <= share.upper
        if successes:
            assert stats.binom.sf(successes - 1, trials, share.lower) == pytest.approx(risk)
        else:
            assert share.lower == 0
        if successes < trials:
            assert stats.binom.cdf(successes, trials, share.upper) == pytest.approx(risk)
        else:
            assert share.upper == 1


@pytest.mark.parametrize("probability", [0.01, 0.3, 0.95])
def test_coverage_is_never_below_the_confidence(probability: float) -> None:
    shares = [Share.of(successes, 30, confidence=0.9) for successes in range(31)]
    covered = sum(
        stats.binom.pmf(share.successes, 30, probability)
        for share in shares
        if share.lower <= probability <= share.upper
    )
    assert covered >= 0.9


def test_mistakes() -> None:
    for confidence in (0.0, 1.0, math.nan):
        with pytest.raises(LowlandError, match=r"confidence is .*; expected above 0 and below 1"):
            Share.of(1, 2, confidence=confidence)
    for successes, trials in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(LowlandError, match=rf"successes are {successes} of {trials} trials"):
            Share.of(successes, trials)
