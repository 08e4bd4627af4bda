import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks.networks import build_network, initialised_network

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
    with pytest.raises(LowlandError, match="'transformer'; expected one of mlp, wafer_autoencoder"):
        build_network({"kind": "transformer"})
