import pytest
from pydantic import ValidationError

from lowland.retraining import RetrainingOptions
from lowland.selection import Axes, TaskFacts
from tests.base_options import base


def axes(*extra, classifier=True):
    facts = TaskFacts(3, "accuracy" if classifier else "emd", "", classifier, classifier, "features", extra)
    return Axes({"jets": facts}, ("plain",), ("s0", "s1"), ("fp32", "ptq4"), {"ptq4": 4})


def asked(**changes):
    return RetrainingOptions.model_validate(base("retraining", **changes))


def test_nothing_is_retrained_by_default_and_no_task_needs_rows_for_it():
    assert asked().of(("ptq4",)) == () and list(asked().misfits(axes())) == []


def test_a_classifier_without_rows_to_retrain_on_is_told_what_to_give():
    (where, what), *more = asked(precisions="all").misfits(axes())
    assert (
        where == "precisions" and "task 'jets' has no rows for it" in what and "expected retraining_rows: 1000" in what
    )
    assert not more
    assert list(asked(precisions="all").misfits(axes("retraining"))) == []
    assert list(asked(precisions="all", seeds=0).misfits(axes())) == []
    assert list(asked(precisions="all").misfits(axes(classifier=False))) == []


def test_float_networks_cannot_be_named():
    (where, what), *_ = asked(precisions=["fp32"]).misfits(axes("retraining"))
    assert where == "precisions" and "names 'fp32'; expected some of ptq4" in what


@pytest.mark.parametrize("change", [{"most_rows": 0}, {"seeds": -1}, {"rows": 3}])
def test_options_that_there_are_not_are_refused(change):
    with pytest.raises(ValidationError):
        asked(**change)
