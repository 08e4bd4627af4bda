"""conf/shift: the study is valid, has what its question needs, and leaves off what it does not."""

import pytest

from lowland import grid
from lowland.grid import ROOT
from scripts.write_params import resolved


@pytest.fixture(scope="module")
def study():
    return grid.Grid(grid.validate({k: v for k, v in resolved("shift").items() if k not in ("env", "data")}))


def test_recipes_and_precisions_are_those_of_the_question(study):
    kinds = [recipe.root.kind for recipe in study.study.recipes.values()]
    assert kinds[0] == "plain" and {"adversarial", "mixup"} <= set(kinds) and 2 <= len(kinds) <= 4
    precisions = study.study.precisions
    assert {"float", "qat", "ptq", "dynamic", "weight_only"} == {each.method for each in precisions.values()}
    static = precisions["static_uint8"]
    assert (static.activations, static.calibration, static.per_channel) == ("asymmetric", "max", True)
    assert {each.method for each in precisions.values() if each.fine_tuned} == {"float", "ptq"}, "controls"
    tuned = {each.weight_bits for each in precisions.values() if each.method == "qat"}
    assert tuned <= {each.weight_bits for each in precisions.values() if each.method == "ptq"}, "pairs of equal widths"
    assert len(study.seeds) == 2


def test_what_the_question_does_not_need_is_off(study):
    for selection in ("landscape_detail", "certification", "flip_map"):
        assert study.selected_precisions(selection) == ()
    assert not study.study.attacks.kinds and not study.study.corruptions.kinds


def test_networks_are_retrained_on_rows_that_every_task_keeps(study):
    retrained = study.selected_precisions("retraining")
    assert {study.study.precisions[name].method for name in retrained} == {"qat", "ptq"}
    for task in study.study.tasks.values():
        assert {"threshold", "retraining"} <= set(task.root.sizes)


def test_texts_are_asked_the_same_recipes(study):
    texts = grid.Grid(grid.validate({k: v for k, v in resolved("shift_text").items() if k not in ("env", "data")}))
    assert texts.tasks == ("sentiment",) and texts.study.tasks["sentiment"].root.network == "gru"
    assert texts.study.recipes == study.study.recipes
    assert {"qat", "ptq"} <= {each.method for each in texts.study.precisions.values()} and len(texts.seeds) == 2
    assert {"threshold", "retraining"} <= set(texts.study.tasks["sentiment"].root.sizes)
    assert texts.selected_precisions("retraining")


@pytest.mark.parametrize("env", ["shift", "shift_text"])
def test_no_path_leaves_the_folder_of_the_data(env):
    for file in (ROOT / "conf" / env).iterdir():
        text = file.read_text(encoding="utf-8")
        assert "path: /" not in text and "../" not in text, file.name
