"""A network without a logit for each class is refused before it is trained."""

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.tasks import Samples, build_task
from lowland.tasks.econ import EconOptions
from lowland.tasks.logits import check_logits
from lowland.tasks.plane import PlaneOptions

SIZES = {"train_rows": 40, "validation_rows": 16, "landscape_rows": 16, "test_rows": 16}


@pytest.fixture(scope="module")
def plane():
    return build_task(PlaneOptions(kind="plane", points="moons", **SIZES))


@pytest.fixture(scope="module")
def samples():
    return Samples(torch.randn(7, 2), torch.zeros(7, dtype=torch.int64))


def test_an_output_a_class_passes_and_the_network_stays_as_it_came(plane, samples):
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2), nn.Linear(2, plane.num_outputs))
    before = {name: each.clone() for name, each in network.state_dict().items()}
    check_logits(plane, network, samples)
    assert network.training and all(torch.equal(before[name], each) for name, each in network.state_dict().items())


@pytest.mark.parametrize("network", [nn.Linear(2, 1), nn.Linear(2, 9), nn.Sequential(nn.Linear(2, 2), nn.Flatten(0))])
def test_outputs_that_are_no_logits_are_one_line(plane, samples, network):
    with pytest.raises(LowlandError, match=r"outputs have shape .*; expected \(2, \d\): a logit for each class"):
        check_logits(plane, network, samples)


def test_what_names_no_class_may_put_out_anything(samples):
    econ = build_task(EconOptions(kind="econ", source="simulated", filters=8, latent=16, shifted_rows=8, **SIZES))
    check_logits(econ, nn.Linear(2, 1), samples)
