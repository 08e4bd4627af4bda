"""conf/shift_full and conf/shift_full_text have every network, every shifted set and the formats of the study."""

from typing import get_args

import pytest

from lowland import grid
from lowland.architectures import build_network
from lowland.perturbation import TOKEN_CORRUPTIONS
from lowland.perturbation.image_corruptions.options import CorruptionKind
from lowland.tasks import build_task
from lowland.tasks.images.networks import IMAGE_NETWORKS
from lowland.tasks.text.worlds import WORLDS
from scripts.write_params import resolved


def grid_of(env):
    return grid.Grid(grid.validate({k: v for k, v in resolved(env).items() if k not in ("env", "data")}))


@pytest.fixture(scope="module")
def study():
    return grid_of("shift_full")


def test_texts_are_read_by_both_recurrent_networks_and_met_by_all_other_worlds():
    study = grid_of("shift_full_text").study
    options = [option.root for option in study.tasks.values()]
    assert {option.network for option in options} == {"lstm", "gru"}
    assert all({option.world, *option.shifted} == set(WORLDS) for option in options)
    assert study.token_corruptions.levels.keys() == set(TOKEN_CORRUPTIONS)
    static = grid_of("shift_full").study.precisions["static_uint8"]
    assert study.precisions["static_uint8"] == static


def test_every_network_and_every_corruption_is_asked_for(study):
    options = [option.root for option in study.study.tasks.values()]
    assert {option.network for option in options if option.kind == "images"} == set(IMAGE_NETWORKS)
    assert {option.source for option in options if option.kind == "images"} == {"digits", "mnist", "cifar10"}
    assert set(study.study.corruptions.kinds) == set(get_args(CorruptionKind))
    assert study.study.corruptions.severities == (1, 2, 3, 4, 5)
    assert study.study.label_shift.ratios


def test_recipes_and_precisions_are_those_of_the_study_beside_fine_tuned_ones(study):
    assert {recipe.root.kind for recipe in study.study.recipes.values()} == {"plain", "adversarial", "mixup"}
    methods = {name: precision.method for name, precision in study.study.precisions.items()}
    assert set(methods.values()) == {"float", "qat", "ptq", "dynamic", "weight_only"}
    assert len(study.cells) == len(study.tasks) * len(study.recipes) * len(study.seeds) * len(methods)


def test_corrupted_sets_are_those_of_the_published_ones_and_controls_stand_beside(study):
    found = {option.root.source: option.root for option in study.study.tasks.values()}
    assert {source: len(option.corrupted) for source, option in found.items()} == {
        "digits": 6, "mnist": 15, "cifar10": 19,
    }  # fmt: skip
    assert set(found["cifar10"].corrupted.values()) == {3}
    assert all(found[source].threshold_rows and found[source].retraining_rows for source in ("digits", "mnist"))
    precisions = study.study.precisions
    assert all(precisions[name].fine_tuned for name in ("fp32_tuned", "ptq8_tuned"))
    assert all(precisions[name].fake_float for name in ("qat8", "qat4", "ptq8_tuned"))


def test_every_network_of_it_can_be_built(study):
    for name, options in study.study.tasks.items():
        network = build_network(build_task(options).network_spec())
        assert 0 < sum(parameter.numel() for parameter in network.parameters()) < 3e6, name
