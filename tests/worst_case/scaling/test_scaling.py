"""The float function stays; dynamic answers are lost, and come back by equalization."""

import copy

import pytest
import torch
from torch import Tensor, nn

from lowland.architectures import MLP, LeNet5, ResNet8, build_network
from lowland.errors import LowlandError
from lowland.quantization import quantize_dynamically
from lowland.quantization.calibration.equalization import rescaled
from lowland.quantization.graph.trace import traced
from lowland.worst_case import dynamic_precision
from lowland.worst_case.scaling import drowned_network, equalized_network
from lowland.worst_case.scaling.drowning import drowning


def normalised() -> nn.Module:
    network = ResNet8(inputs=(1, 8, 8), outputs=4, width=4)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2.0)
    return network.eval()


NETWORKS = {
    "mlp": (lambda: MLP(inputs=6, outputs=3, hidden=(24, 16, 16)), (6,)),
    "lenet5": (lambda: LeNet5(inputs=(1, 8, 8), outputs=4), (1, 8, 8)),
    "resnet8": (normalised, (1, 8, 8)),
}


def made(name: str) -> tuple[nn.Module, Tensor]:
    build, shape = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return build().eval(), torch.randn(200, *shape)


def error(network: nn.Module, runtime: str, inputs: Tensor, outputs: Tensor) -> float:
    """Of outputs under dynamic quantization, in units of what the float outputs differ between rows."""
    found = quantize_dynamically(network, dynamic_precision(runtime))(inputs)
    return float((found - outputs).square().mean().sqrt() / (outputs - outputs.mean(0)).square().mean().sqrt())


@pytest.mark.parametrize("name", NETWORKS)
def test_float_outputs_stay_and_dynamic_ones_are_lost_until_they_are_equalized(name: str) -> None:
    network, inputs = made(name)
    before = copy.deepcopy(network.state_dict())
    outputs = network(inputs).detach()
    drowned = drowned_network(network, inputs)
    assert torch.allclose(drowned(inputs), outputs, rtol=1e-4, atol=1e-4 * float(outputs.detach().std()))
    whole = error(network, "litert", inputs, outputs)
    broken = error(drowned, "litert", inputs, outputs)
    mended = error(equalized_network(drowned, inputs), "litert", inputs, outputs)
    assert whole < 0.15
    assert broken > 0.5
    assert mended < 0.25
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_factor_of_one_changes_nothing_and_larger_ones_harm_more() -> None:
    network, inputs = made("mlp")
    outputs = network(inputs).detach()
    same = drowned_network(network, inputs, factor=1.0)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))
    errors = [
        error(drowned_network(network, inputs, factor=factor), "torchao", inputs, outputs) for factor in (1.0, 16, 256)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_the_copy_can_be_rebuilt_where_nothing_was_folded() -> None:
    network, inputs = made("mlp")
    drowned = drowned_network(network, inputs)
    rebuilt = build_network(drowned.spec)
    rebuilt.load_state_dict(drowned.state_dict())
    assert torch.equal(rebuilt(inputs), drowned(inputs))


def test_channels_of_the_least_weight_are_made_large() -> None:
    written, read = torch.tensor([1.0, 2.0, 0.0, 4.0]), torch.tensor([1.0, 0.1, 1.0, 4.0])
    # Sizes are 1, 0.2, 0 (nobody writes it) and 16: of three that are used two are made large.
    assert drowning(8.0, 0.5)(written, read).tolist() == [8.0, 8.0, 1.0, 1.0]


def test_never_all_channels_are_made_large() -> None:
    graph = traced(nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 2)))
    left = rescaled(graph, drowning(8.0, 0.9)).nodes
    assert all(torch.equal(left[name].layer.weight, graph.nodes[name].layer.weight) for name in ("0", "2"))


@pytest.mark.parametrize(("options", "message"), [({"factor": 0.5}, "factor is"), ({"share": 1.0}, "share is")])
def test_what_makes_no_sense_is_refused(options: dict[str, float], message: str) -> None:
    network, inputs = made("mlp")
    with pytest.raises(LowlandError, match=message):
        drowned_network(network, inputs, **options)
