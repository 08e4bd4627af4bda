"""Agents whose packages are missing are refused before a study begins, and where nothing is searched they are not."""

import importlib.util

import pytest
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.per_input.options import InputPolicyOptions
from lowland.worst_case.search import agent_of
from lowland.worst_case.search.packages import check_packages
from tests.base_options import base

MISSING = r"agent is ppo, and gymnasium is not installed; expected the extra: pip install -e '\.\[reinforcement\]'"


@pytest.fixture
def bare(monkeypatch):
    """A machine without them."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_an_agent_says_what_it_needs(bare) -> None:
    with pytest.raises(LowlandError, match=MISSING):
        check_packages(agent_of("ppo"))
    check_packages(agent_of("greedy"))


def test_options_are_refused_where_something_is_searched(bare) -> None:
    with pytest.raises(ValidationError, match=MISSING):
        WorstCaseOptions(**base("worst_case", agent="ppo"))
    WorstCaseOptions(**base("worst_case", agent="ppo", choices="none"))
    with pytest.raises(ValidationError, match=MISSING):
        InputPolicyOptions(**base("worst_case_inputs", precisions="all"))
    InputPolicyOptions(**base("worst_case_inputs"))
