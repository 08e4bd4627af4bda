"""Policies survive their spec."""

import json

import pytest

from lowland.errors import LowlandError
from lowland.worst_case import StaticPolicy, policy_from_spec


def test_a_static_policy_comes_back_from_its_spec() -> None:
    policy = StaticPolicy({"0": 4, "2": 8})
    assert policy_from_spec(json.loads(json.dumps(policy.spec))) == policy
    assert policy.widths == (4, 8)


def test_what_chooses_nothing_is_refused() -> None:
    with pytest.raises(LowlandError, match="policy has no layers"):
        StaticPolicy({})
    with pytest.raises(LowlandError, match="kind of a policy"):
        policy_from_spec({"kind": "magic"})
