"""conf/worst_case: the study is valid, asks what its question needs, and leaves off what it does not."""

import pytest

from lowland import grid
from scripts.write_params import resolved


@pytest.fixture(scope="module")
def study():
    return grid.Grid(grid.validate({k: v for k, v in resolved("worst_case").items() if k not in ("env", "data")}))


def test_dynamic_arithmetics_differ_in_granularity(study):
    dynamic = [each for each in study.study.precisions.values() if each.method == "dynamic"]
    assert {each.runtime for each in dynamic} == {"torchao", "litert", "onnxruntime"}
    assert {each.per_channel for each in dynamic if each.runtime == "torchao"} == {None, False}
    assert {"float", "qat", "ptq", "dynamic"} == {each.method for each in study.study.precisions.values()}


def test_the_hardened_student_stands_beside_usual_recipes(study):
    kinds = [recipe.root.kind for recipe in study.study.recipes.values()]
    assert kinds[0] == "plain" and kinds[-1] == "distilled_robust" and len(kinds) >= 3
    assert len(study.seeds) == 2 and study.selected_recipes("worst_case_students") == ("plain",)


def test_what_a_policy_costs_decides(study):
    needs = study.study.requirements.root["jets"].needs
    assert [need.at_most for need in needs if need.measure == "policy_drop"] == [0.02]
    assert study.study.worst_case.agent == "cross_entropy"


def test_what_the_question_does_not_need_is_off(study):
    for selection in ("landscape_detail", "certification", "flip_map"):
        assert study.selected_precisions(selection) == ()
