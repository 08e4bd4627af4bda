"""Boxes of half steps, and which cells lie in theirs."""

import pytest
import torch
from torch import nn

from lowland.certification.real_network import RealNetwork
from lowland.certification.statements.rounding_box import box_use, half_steps, half_steps_at
from lowland.errors import LowlandError
from tests.certification.statements.cells import deployed, rows, trained


@pytest.fixture(scope="module")
def real():
    return RealNetwork.of(trained(), rows(3, 1)[0])


def test_radii_are_half_the_steps_in_which_words_are_stored(real):
    network = deployed(8)
    radii = half_steps(network, real)
    assert set(radii) == set(real.parameters) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    for name, radius in radii.items():
        assert radius.shape == real.parameters[name].shape
        assert torch.allclose(radius, network.scales[name].double() / 2, rtol=2e-6)


def test_rounding_alone_stays_in_the_box_and_one_code_more_leaves_it(real):
    network = deployed(8)
    assert 0.5 < box_use(network, real) <= 1
    codes = network.codes["2.weight"].clone()
    codes[0, 0] += 2 if codes[0, 0] < 100 else -2
    assert box_use(network.with_codes({"2.weight": codes}), real) > 1


def test_grids_of_so_many_bits_have_the_range_of_a_tensor(real):
    radii = half_steps_at(real, 4)
    for name, value in real.parameters.items():
        assert float(radii[name].max()) == pytest.approx(float(value.abs().max()) / 14)
    finer = half_steps_at(real, 12)
    assert all(float(finer[name].max()) < float(radii[name].max()) for name in radii)


def test_a_network_that_stores_nothing_of_the_float_one_is_named():
    other = RealNetwork.of(nn.Sequential(nn.Flatten(), *trained()), rows(3, 1)[0])
    with pytest.raises(LowlandError, match="stores no weight or bias"):
        half_steps(deployed(8), other)
