import pytest
import torch
from torch import fx, nn

from lowland.architectures import build_network, initialised_network
from lowland.errors import LowlandError


@pytest.mark.parametrize(
    "kind, side, shapes",
    [
        ("lenet1", 28, [(4, 1, 5, 5), (12, 4, 5, 5), (10, 12 * 7 * 7)]),
        ("lenet5", 28, [(6, 1, 5, 5), (16, 6, 5, 5), (120, 16 * 7 * 7), (84, 120), (10, 84)]),
        ("lenet5", 8, [(6, 1, 5, 5), (16, 6, 5, 5), (120, 16 * 2 * 2), (84, 120), (10, 84)]),
    ],
)
def test_layers_have_the_published_widths(kind, side, shapes):
    network = build_network({"kind": kind, "inputs": [1, side, side], "outputs": 10})
    weights = [p for name, p in network.named_parameters() if name.endswith("weight")]
    assert [tuple(weight.shape) for weight in weights] == shapes
    kinds = [type(layer) for layer in network.layers]
    assert kinds[:7] == 2 * [nn.Conv2d, nn.ReLU, nn.MaxPool2d] + [nn.Flatten]
    assert network(torch.rand(3, 1, side, side)).shape == (3, 10)


@pytest.mark.parametrize("kind", ["lenet1", "lenet5"])
def test_a_lenet_rebuilds_itself_and_can_be_traced(kind):
    spec = {"kind": kind, "inputs": [3, 11, 9], "outputs": 4}
    network = initialised_network(spec, key=("lenet", 0))
    assert network.spec == spec
    again = build_network(network.spec)
    again.load_state_dict(network.state_dict())
    images = torch.randn(5, 3, 11, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(images), network(images))
    assert torch.equal(fx.symbolic_trace(network)(images), network(images))


def test_images_that_pooling_leaves_nothing_of_are_refused():
    build_network({"kind": "lenet1", "inputs": [1, 4, 4], "outputs": 2})
    with pytest.raises(LowlandError, match="images of 4x3 pixels are too small for 2 convolutions of 5x5 with pooling"):
        build_network({"kind": "lenet1", "inputs": [1, 4, 3], "outputs": 2})
