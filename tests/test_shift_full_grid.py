"""conf/shift_full has every network for images, every corruption and the formats of the study."""

from typing import get_args

import pytest

from lowland import grid
from lowland.architectures import build_network
from lowland.perturbation.image_corruptions.options import CorruptionKind
from lowland.tasks import build_task
from lowland.tasks.images.networks import IMAGE_NETWORKS
from scripts.write_params import resolved


@pytest.fixture(scope="module")
def study():
    return grid.Grid(grid.validate({k: v for k, v in resolved("shift_full").items() if k not in ("env", "data")}))


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


def test_every_network_of_it_can_be_built(study):
    for name, options in study.study.tasks.items():
        network = build_network(build_task(options).network_spec())
        assert 0 < sum(parameter.numel() for parameter in network.parameters()) < 3e6, name
