import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from lowland.architectures import build_network, initialised_network
from lowland.architectures.resnet import ResidualBlock
from lowland.quantization import fold_batch_norm
from lowland.training.loop import TrainingData, train
from lowland.training.options import TrainingOptions
from lowland.training.recipes.recipe import Recipe

SPEC = {"kind": "resnet8", "inputs": [1, 8, 8], "outputs": 4, "width": 4}


def images(count=40):
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_published_size_and_its_halved_sides():
    """MLPerf Tiny counts 78,666 parameters: with biases of convolutions that a norm follows (which undoes them) and two
    running statistics a channel of a norm."""
    network = build_network({"kind": "resnet8", "inputs": [3, 32, 32], "outputs": 10, "width": 16}).eval()
    normed = sum(module.num_features for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert sum(p.numel() for p in network.parameters()) + normed + 2 * normed == 78_666
    sides = {}
    for name in ("stage1", "stage2", "stage3"):
        network.get_submodule(name).register_forward_hook(lambda _, __, out, n=name: sides.update({n: out.shape[1:]}))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert {name: tuple(shape) for name, shape in sides.items()} == {
        "stage1": (16, 32, 32), "stage2": (32, 16, 16), "stage3": (64, 8, 8),
    }  # fmt: skip


@pytest.mark.parametrize("before, channels, stride", [(3, 3, 1), (3, 5, 1), (3, 6, 2)])
def test_a_block_adds_its_skip_before_the_last_relu(before, channels, stride):
    block = ResidualBlock(before, channels, stride=stride).eval()
    inputs = torch.randn(2, before, 6, 6, generator=torch.Generator().manual_seed(1))
    assert isinstance(block.skip, nn.Identity) == (before == channels and stride == 1)
    scale = (1 + block.norm1.eps) ** -0.5  # a fresh norm divides by this alone
    inner = functional.relu(functional.conv2d(inputs, block.conv1.weight, stride=stride, padding=1) * scale)
    inner = functional.conv2d(inner, block.conv2.weight, padding=1) * scale
    skipped = inputs
    if channels != before:
        skipped = functional.conv2d(inputs, block.skip.weight, block.skip.bias, stride=stride)
    torch.testing.assert_close(block(inputs), functional.relu(inner + skipped))


def test_it_rebuilds_itself_and_can_be_traced():
    network = initialised_network(SPEC, key=("resnet", 0)).eval()
    assert network.spec == SPEC
    again = build_network(network.spec).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images()), network(images()))
    traced = fx.symbolic_trace(network)
    assert torch.equal(traced(images()), network(images()))
    assert sum(node.op == "call_function" for node in traced.graph.nodes) == 3  # the sums


def test_every_norm_is_folded():
    network = initialised_network(SPEC, key=("resnet", 0))
    with torch.no_grad():
        network(images())  # moves the running statistics
    network.eval()
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(images()), network(images()), rtol=1e-4, atol=1e-5)


def test_float_training_learns():
    network, inputs = initialised_network(SPEC, key=("resnet", 0)), images(120)
    targets = (inputs[:, 0, :4].mean(dim=(1, 2)) > inputs[:, 0, 4:].mean(dim=(1, 2))).long()
    data = TrainingData((inputs, targets), (inputs, targets), functional.cross_entropy)
    options = TrainingOptions(epochs=12, batch_size=30, learning_rate=1e-2, schedule="constant")
    trained = train(network, data, recipe=Recipe.model_validate({"kind": "plain"}).root, options=options, key=("r", 0))
    assert trained.status == "ok"
    with torch.no_grad():
        assert (trained.network(inputs).argmax(dim=1) == targets).float().mean() > 0.9
