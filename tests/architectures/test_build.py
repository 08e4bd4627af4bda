import pytest
import torch

from lowland.architectures import build_network, initialised_network
from lowland.errors import LowlandError

SPEC = {"kind": "mlp", "inputs": 3, "hidden": [5, 4], "outputs": 2}


def test_a_network_rebuilds_itself_from_its_recipe():
    network = build_network(SPEC)
    again = build_network(network.spec)
    again.load_state_dict(network.state_dict())
    inputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(inputs), again(inputs))
    assert [tuple(p.shape) for p in network.parameters()] == [(5, 3), (5,), (4, 5), (4,), (2, 4), (2,)]


def test_initial_weights_depend_on_the_key_alone():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = initialised_network(SPEC, key=("jets", 0))
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(10)
    second, third = initialised_network(SPEC, key=("jets", 0)), initialised_network(SPEC, key=("jets", 1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.layers[0].weight, third.layers[0].weight)


def test_unknown_kind_is_named():
    with pytest.raises(LowlandError, match="'transformer'; expected one of mlp, cnn, wafer_autoencoder"):
        build_network({"kind": "transformer"})


def test_a_small_cnn_rebuilds_itself_and_refuses_images_that_vanish():
    spec = {"kind": "cnn", "inputs": [2, 12, 10], "channels": [3, 4], "kernel": 3, "hidden": [5], "outputs": 2}
    network = build_network(spec)
    assert network.spec == spec
    images = torch.randn(7, 2, 12, 10, generator=torch.Generator().manual_seed(0))
    assert network(images).shape == (7, 2) and network.layers[7].in_features == 4 * 1 * 1
    with pytest.raises(LowlandError, match="images of 12x10 pixels are too small for 3 convolutions of 3x3"):
        build_network(spec | {"channels": [3, 4, 5]})


def test_an_autoencoder_starts_where_it_is_told_and_rebuilds_itself():
    spec = {"kind": "wafer_autoencoder", "side": 8, "filters": 4, "latent": 5, "initial_output": 0.02}
    network = initialised_network(spec, key=("econ", 0))
    inputs = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = network(inputs)
    assert outputs.shape == (50, 64) and network.layers.encoder(inputs).shape == (50, 5)
    assert 0.01 < outputs.mean() < 0.04
    published = initialised_network(spec | {"initial_output": None}, key=("econ", 0))
    assert 0.4 < published(inputs).mean() < 0.6
    again = build_network(network.spec)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(inputs), outputs)
