"""conf/paper: the published grid is valid, and as large as the published study."""

import pytest

from lowland import grid
from lowland.report.style import _MARKERS
from lowland.tasks import build_task
from lowland.vocabulary.measures import SCORES
from scripts.write_params import resolved


@pytest.fixture(scope="module")
def study():
    return grid.Grid(grid.validate({k: v for k, v in resolved("paper").items() if k not in ("env", "data")}))


def test_the_axes_are_the_published_ones(study):
    tuned = [p for p in study.study.precisions.values() if p.method == "qat"]
    assert sorted(p.weight_bits for p in tuned) == list(range(3, 13))
    assert {p.weight_bits for p in study.study.precisions.values() if p.method == "ptq"} == set(range(3, 13))
    assert (study.tasks, len(study.seeds)) == (("econ", "fusion"), 3) and len(study.recipes) >= 24
    assert study.study.input_noise.levels == (5, 10, 15, 20, 30, 50)
    assert study.study.faults.codes.counts == (1, 5, 10, 20, 50, 100) == study.study.faults.ranked.counts


def test_every_recipe_has_a_marker_of_its_own(study):
    assert len(study.recipes) <= len(_MARKERS)


def test_activations_have_three_bits_more_than_weights(study):
    coded = [p for p in study.study.precisions.values() if p.method != "float"]
    assert {p.activation_bits - p.weight_bits for p in coded} == {3}


def test_training_is_the_published_one(study):
    for plan in (study.study.training, study.study.fine_tuning):
        econ, fusion = plan.of("econ"), plan.of("fusion")
        assert (econ.epochs, fusion.epochs, fusion.schedule, fusion.batch_size) == (100, 50, "step", 1024)
        assert {o.learning_rate for o in (econ, fusion)} == {1.5625e-3}


def test_few_wafers_are_seen_in_small_batches(study):
    econ, plan = build_task(study.study.tasks["econ"]).options, study.study.training.of("econ")
    assert plan.epochs * econ.train_rows / plan.batch_size > 5000 and econ.initial_output < 0.1


def test_wafers_come_from_files_where_there_are_any(study):
    assert build_task(study.study.tasks["econ"]).options.source == "auto"


def test_qat_is_of_the_published_recipes_alone(study):
    assert not [cell for cell in study.cells if cell.method == "qat" and "drawn" in cell.recipe]
    assert {cell.recipe for cell in study.cells if cell.method == "ptq"} == set(study.recipes)


def test_both_tasks_have_errors_for_scores(study):
    for options in study.study.tasks.values():
        task = build_task(options)
        assert task.score_name in SCORES and not task.higher_is_better
