"""What students may be told, and the numbers of one kind."""

import pytest
from pydantic import ValidationError

from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.students import StudentOptions
from tests.base_options import base

BUDGET = WorstCaseOptions(**base("worst_case"))
GIVEN = base("worst_case_students")


def test_kinds_differ_in_their_weight_alone() -> None:
    options = StudentOptions(**GIVEN)
    detrimental, robust = (options.distillation(kind, BUDGET) for kind in ("detrimental", "robust"))
    assert (detrimental.weight, robust.weight) == (GIVEN["weight"], GIVEN["hardening"])
    of_budget = [getattr(BUDGET, name) for name in ("choices", "mean_bits", "agent", "runtime")]
    assert of_budget == [getattr(detrimental, name) for name in ("choices", "mean_bits", "agent", "runtime")]
    assert options.distillation("control", BUDGET, float_from="4").float_from == "4"


@pytest.mark.parametrize(
    ("option", "value"),
    [("weight", 0), ("epochs", 0), ("alone", 1.0), ("worst_share", -0.1), ("temperature", -1), ("recipes", {"a": 1})],
)
def test_numbers_that_mean_nothing_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValidationError, match=option):
        StudentOptions(**GIVEN | {option: value})
