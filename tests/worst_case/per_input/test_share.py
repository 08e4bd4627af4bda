"""The share of an oracle's gain."""

import pytest
import torch

from lowland.randomness import generator
from lowland.worst_case.per_input import share_of_gain


def test_shares_of_known_gains():
    static = torch.zeros(400, dtype=torch.float64)
    oracle = torch.rand(400, generator=generator("oracle"), dtype=torch.float64)
    half = share_of_gain(oracle / 2, static, oracle, generator("draws"))
    assert half.estimate.value == half.lower == half.upper == pytest.approx(0.5)
    assert half.estimate.standard_error == pytest.approx(0, abs=1e-12)
    noisy = oracle * (torch.rand(400, generator=generator("noise")) < 0.3)
    share = share_of_gain(noisy, static, oracle, generator("draws"))
    assert share.lower < share.estimate.value < share.upper
    assert (share.upper - share.lower) / 4 == pytest.approx(share.estimate.standard_error, rel=0.15)


def test_where_the_oracle_gains_nothing_there_is_no_share():
    static = torch.zeros(50, dtype=torch.float64)
    assert share_of_gain(static, static, static, generator("none")).estimate.status == "undefined"


def test_an_oracle_that_does_worse_than_the_static_policy_is_no_measure():
    static = torch.zeros(400, dtype=torch.float64)
    worse = -torch.rand(400, generator=generator("oracle"), dtype=torch.float64)
    found = share_of_gain(2 * worse, static, worse, generator("draws"))
    assert found.estimate.status == "undefined" and found.lower != found.lower
