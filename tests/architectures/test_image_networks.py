"""Networks for images: their published sizes, their shapes, and that they rebuild themselves."""

import pytest
import torch
from torch import fx, nn

from lowland.architectures import build_network, initialised_network
from lowland.architectures.mobilenet import halvings
from lowland.architectures.resnet50 import BottleneckBlock
from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from tests.architectures.image_networks import CLASSES, SMALL, samples, spec, trained


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def normed(network):
    return sum(module.num_features for module in network.modules() if isinstance(module, nn.BatchNorm2d))


def skips(network):
    return sum(
        block.skip.out_channels for block in network.modules() if isinstance(getattr(block, "skip", 0), nn.Conv2d)
    )


PUBLISHED = {
    # 966,986 in the authors' file for Caffe: biases where there is a norm here
    "nin": ({"inputs": [3, 32, 32], "outputs": 10}, 966_986, lambda net: -normed(net)),
    # Keras' example counts 274,442: biases before norms, and their running statistics
    "resnet20": ({"inputs": [3, 32, 32], "outputs": 10}, 274_442, lambda net: 3 * normed(net)),
    # torchvision's 25,557,032: skips with a norm in place of a bias, first filters of 7 x 7
    "resnet50": (
        {"inputs": [3, 32, 32], "outputs": 1000}, 25_557_032, lambda net: skips(net) + 64 * 3 * (7 * 7 - 3 * 3)
    ),
    # 1.0 M in the paper's table for 40 layers and growth 12
    "densenet": ({"inputs": [3, 32, 32], "outputs": 10}, 1_019_722, lambda net: 0),
    # MLPerf Tiny's networks, counted by Keras: biases before norms, and their running statistics
    "mobilenet": ({"inputs": [3, 96, 96], "outputs": 2}, 221_794, lambda net: 3 * normed(net)),
    "ds_cnn": ({"inputs": [1, 49, 10], "outputs": 12, "kernel": [10, 4]}, 24_908, lambda net: 3 * normed(net)),
}  # fmt: skip


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_network_has_the_published_number_of_parameters(kind):
    options, published, counted_otherwise = PUBLISHED[kind]
    network = build_network({"kind": kind, **options})
    assert parameters(network) + counted_otherwise(network) == published


@pytest.mark.parametrize("inputs", [(1, 8, 8), (1, 16, 16), (1, 28, 28), (3, 32, 32), (3, 9, 13)])
@pytest.mark.parametrize("kind", SMALL)
def test_images_of_every_shape_are_read(kind, inputs):
    network = build_network(spec(kind, inputs)).eval()
    images = torch.rand(2, *inputs, generator=torch.Generator().manual_seed(0))
    assert network(images).shape == (2, CLASSES)


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_rebuilds_itself_can_be_traced_and_is_drawn_by_its_key(kind):
    network = trained(kind)
    assert network.spec == spec(kind)
    again = build_network(network.spec).eval()
    again.load_state_dict(network.state_dict())
    images = samples(5, seed=1)[0]
    assert torch.equal(again(images), network(images))
    assert torch.equal(fx.symbolic_trace(network)(images), network(images))
    first, second, other = (initialised_network(spec(kind), key=("images", seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("kind", SMALL)
def test_training_lowers_the_loss(kind):
    inputs, labels = samples(64)
    untrained = initialised_network(spec(kind), key=("images", 0)).train()
    before, after = (nn.functional.cross_entropy(net(inputs), labels) for net in (untrained, trained(kind)))
    assert after < before


@pytest.mark.parametrize("kind", SMALL)
def test_batch_norm_is_folded_into_convolutions(kind):
    network, images = trained(kind), samples(20, seed=1)[0]
    folded = fold_batch_norm(network)
    expected = network(images)
    assert (folded(images) - expected).abs().max() < 2e-6 * expected.std()
    left = sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert bool(left) == (kind == "densenet")  # whose norms stand before ReLU and convolution: not next to either


def test_sides_are_halved_where_the_papers_halve_them():
    sides = {}

    def sizes_of(name, module):
        module.register_forward_hook(lambda _, __, outputs: sides.update({name: tuple(outputs.shape[1:])}))

    for kind, blocks in (("resnet20", (0, 3, 6)), ("resnet50", (0, 3, 7, 13))):
        network = build_network(spec(kind, (3, 32, 32)) | {"width": 2}).eval()
        for block in blocks:
            sizes_of((kind, block), network.blocks[block])
        network(torch.rand(1, 3, 32, 32))
    assert sides == {
        ("resnet20", 0): (2, 32, 32), ("resnet20", 3): (4, 16, 16), ("resnet20", 6): (8, 8, 8),
        ("resnet50", 0): (8, 32, 32), ("resnet50", 3): (16, 16, 16), ("resnet50", 7): (32, 8, 8),
        ("resnet50", 13): (64, 4, 4),
    }  # fmt: skip


def test_a_bottleneck_adds_its_skip_before_the_last_relu():
    block = BottleneckBlock(4, 2, stride=2).eval()
    images = torch.rand(3, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    inner = block.norm1(block.conv1(images)).relu()
    inner = block.norm3(block.conv3(block.norm2(block.conv2(inner)).relu()))
    torch.testing.assert_close(block(images), (inner + block.skip(images)).relu())
    assert block(images).shape == (3, 8, 3, 3) and isinstance(BottleneckBlock(8, 2, stride=1).skip, nn.Identity)


def test_every_layer_of_a_dense_block_reads_all_before_it():
    network = build_network({"kind": "densenet", "inputs": [1, 8, 8], "outputs": 2, "width": 3, "depth": 10}).eval()
    images = torch.rand(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    block = network.blocks[0]
    first = block.layers[0](images)
    second = block.layers[1](torch.cat([images, first], 1))
    assert torch.equal(block(images), torch.cat([images, first, second], 1))
    assert [layer[2].in_channels for layer in block.layers] == [16, 19]


@pytest.mark.parametrize("side, most, expected", [(96, 5, 5), (32, 5, 3), (28, 5, 3), (16, 5, 2), (8, 5, 1), (3, 5, 0)])
def test_small_images_are_halved_less_often(side, most, expected):
    assert halvings(side, most=most) == expected


@pytest.mark.parametrize(
    "given, message",
    [
        ({"kind": "densenet", "inputs": [1, 8, 8], "depth": 12}, r"depth is 12; expected 3 n \+ 4 layers"),
        ({"kind": "densenet", "inputs": [1, 8, 8], "depth": 4}, r"depth is 4; expected 3 n \+ 4 layers"),
        ({"kind": "densenet", "inputs": [1, 3, 8]}, "images of 3x8 pixels are too small for DenseNet; expected 4x4"),
        ({"kind": "nin", "inputs": [1, 8, 8], "width": 1}, "width is 1; expected at least 2 for NiN"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(LowlandError, match=message):
        build_network({"outputs": 2, **given})
