from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, fx, nn

from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.calibration.equalization import equalized
from lowland.quantization.graph.trace import traced
from tests.quantization.brevitas_graph import EqualizeGraph
from tests.quantization.convolutions import CASES


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6, bias=False), nn.ReLU(), nn.Linear(6, 3))


def pooled() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 2),
        nn.AvgPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 3, 1),
    )


def widened() -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(2, 4, 3, stride=2), nn.ReLU(), nn.ConvTranspose2d(4, 5, 2), nn.ReLU(), nn.Conv2d(5, 2, 3)
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "perceptron": (perceptron, (5,)),
    "pooled": (pooled, (2, 12, 12)),
    "widened": (widened, (2, 4, 4)),
}


def uneven(network: nn.Module) -> nn.Module:
    """With channels whose weights differ by orders of magnitude."""
    draws = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.mul_(torch.exp(2 * torch.randn(len(layer.weight), generator=draws)).reshape(
                    -1, *[1] * (layer.weight.ndim - 1)
                ))  # fmt: skip
    return network


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return uneven(build())


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """Equalized."""
    return {name: node.layer for name, node in equalized(traced(network)).nodes.items()}


def outputs(layers: dict[str, nn.Module], inputs: Tensor) -> Tensor:
    return nn.Sequential(*layers.values())(inputs).detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_ranges_are_equal_and_the_function_is_the_same(name: str) -> None:
    build, shape = NETWORKS[name]
    network = seeded(build)
    before = copy.deepcopy(network.state_dict())
    inputs = torch.randn(50, *shape, generator=torch.Generator().manual_seed(2))
    layers = layers_of(network)
    expected = network(inputs).detach()
    torch.testing.assert_close(outputs(layers, inputs), expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))
    weighted = [layer for layer in layers.values() if hasattr(layer, "weight")]
    for first, second in pairwise(weighted):
        out = 1 if isinstance(first, nn.ConvTranspose2d) else 0
        read = 0 if isinstance(second, nn.ConvTranspose2d) else 1
        ranges = [
            layer.weight.abs().transpose(0, dim).flatten(1).amax(1) for layer, dim in ((first, out), (second, read))
        ]
        torch.testing.assert_close(*ranges, rtol=1e-5, atol=0)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_those_of_brevitas(name: str) -> None:
    build, _ = NETWORKS[name]
    network = seeded(build)
    theirs = fx.symbolic_trace(copy.deepcopy(network))
    theirs = EqualizeGraph(iterations=300, threshold=1e-7, merge_bias=False).apply(theirs)
    expected = {key: tensor for key, tensor in theirs.state_dict().items()}
    found = {
        f"{name}.{key}": value
        for name, layer in layers_of(network).items()
        for key, value in layer.state_dict().items()
    }
    for key, tensor in expected.items():
        torch.testing.assert_close(found[key], tensor, rtol=1e-4, atol=1e-6 * float(tensor.abs().max()))


@pytest.mark.parametrize("case", CASES)
def test_flattened_grouped_and_unflattened_channels_keep_the_function(case: str) -> None:
    """Of the layers in front of a float part alone, where there is one."""
    island = dict(CASES[case].options).get("float_from")
    network = uneven(CASES[case].network())
    graph = traced(network, float_from=island)
    given = {name: node.layer for name, node in graph.nodes.items()}
    layers = {name: node.layer for name, node in equalized(graph).nodes.items()}
    inputs = CASES[case].rows(20)
    expected = outputs(given, inputs)
    torch.testing.assert_close(outputs(layers, inputs), expected, rtol=1e-5, atol=2e-6 * float(expected.abs().max()))
    moved = {name for name, layer in layers.items() if hasattr(layer, "weight")
             and not torch.equal(layer.weight, given[name].weight)}  # fmt: skip
    assert moved == {name for name, layer in layers.items() if hasattr(layer, "weight")}


def test_a_flattened_channel_is_read_by_all_its_inputs() -> None:
    network = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)))
    conv, *_, linear = layers_of(network).values()
    written = conv.weight.abs().flatten(1).amax(1)
    read = linear.weight.abs().reshape(2, 3, 4).amax((0, 2))
    torch.testing.assert_close(written, read)


def test_channels_that_nobody_writes_or_reads_stay() -> None:
    network = perceptron()
    with torch.no_grad():
        network[0].weight[2] = 0
        network[2].weight[:, 4] = 0
    first, _, second, *_ = layers_of(network).values()
    assert torch.equal(first.bias[2], network[0].bias[2])
    assert torch.equal(first.weight[4], network[0].weight[4])
    assert second.weight.isfinite().all()


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(4, 6), nn.ReLU(), nn.MaxPool1d(2), nn.Linear(3, 2)],  # windows over features
        [nn.Linear(4, 6), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)],  # features of three-row sequences
        [nn.Conv1d(3, 6, 1), nn.ReLU(), nn.Linear(4, 2)],  # reads positions
    ],
)
def test_channels_that_are_mixed_between_layers_stay(layers: list[nn.Module]) -> None:
    inputs = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    network = uneven(nn.Sequential(*layers))
    found = layers_of(network)
    assert torch.equal(nn.Sequential(*found.values())(inputs), network(inputs))


def test_a_rescaling_that_changes_nothing_changes_nothing_after_equalization() -> None:
    """Whereas it ruins what is quantized without."""
    case = CASES["regression"]
    inputs, network, rescaled = case.rows(40), case.network(), case.network()
    factors = torch.tensor([1.0, 8.0, 0.1, 30.0] * 4)
    with torch.no_grad():
        rescaled[0].weight.mul_(factors.reshape(-1, 1, 1, 1))
        rescaled[0].bias.mul_(factors)
        rescaled[3].weight.div_(factors.reshape(1, -1, 1, 1))
    found = {}
    for equalization in (False, True):
        precision = Precision(
            method="ptq", weight_bits=5, activation_bits=8, calibration="max", equalization=equalization
        )
        for name, before in (("as it was", network), ("rescaled", rescaled)):
            quantized = calibrate(build_quantized(before, precision, input_bits=8), inputs)
            found[name, equalization] = float((quantized(inputs) - network(inputs)).detach().square().mean())
            assert deployment_check(quantized, freeze(quantized), inputs).largest_difference <= 1e-5
    assert found["rescaled", False] > 5 * found["as it was", False]
    assert abs(found["rescaled", True] / found["as it was", True] - 1) < 0.01
