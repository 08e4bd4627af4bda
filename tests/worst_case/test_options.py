"""What the worst-case stage may be told, and what is refused before anything is measured."""

import pytest
from pydantic import ValidationError

from lowland.worst_case.options import WorstCaseOptions
from tests.base_options import base


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_bits": 9}, "mean_bits is 9.0; expected a number from 2 to 8"),
        ({"mean_bits": 1.5}, "mean_bits is 1.5; expected a number from 2 to 8"),
        ({"choices": [8, 2]}, "expected widths, rising, each once"),
        ({"choices": [2, 16]}, "choices are"),
        ({"agent": "gredy"}, "agent is 'gredy'; expected one of greedy.*did you mean"),
        ({"evaluations": 0}, "greater than or equal to 1"),
        ({"rows": 1}, "greater than or equal to 2"),
        ({"runtime": "tvm"}, "Input should be"),
        ({"shifted": "mnist"}, "shifted\\n.*valid boolean"),
    ],
)
def test_what_cannot_be_searched_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        WorstCaseOptions(**base("worst_case", **change))


def test_requirements_can_ask_what_the_worst_policy_costs_unless_nothing_is_searched():
    (planned,) = WorstCaseOptions(**base("worst_case")).planned()
    assert (planned.measures, planned.levels) == (("policy_drop", "policy_broken"), (5.0,))
    assert not list(WorstCaseOptions(**base("worst_case", choices="none")).planned())
