"""Dynamic arithmetic equals the runtimes that define it, bit for bit."""

import platform
from itertools import pairwise

import pytest
import torch
from torch import nn

from lowland.quantization import Precision, quantize_dynamically
from tests.quantization.dynamic.runtimes import by_litert, by_onnx_runtime, by_torchao, kernel_saturates


def precision(runtime: str, **options: object) -> Precision:
    return Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime=runtime, **options)


def linear(*widths: int, bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 25, 5),
    )


def series() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 12, 3))


NETWORKS = {
    "wide": (lambda: linear(64, 48, 5), (64,)),
    "odd": (lambda: linear(17, 9, 31, 2), (17,)),
    "no bias": (lambda: linear(300, 20, bias=False), (300,)),
    "images": (convolutional, (3, 10, 10)),
    "series": (series, (4, 12)),
}


def made(name: str, *, rows: int = 40, seed: int = 0) -> tuple[nn.Sequential, torch.Tensor]:
    build, shape = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
    source = torch.Generator().manual_seed(seed + 1)
    spread = torch.rand(rows, *[1] * len(shape), generator=source) * 4
    return network.eval(), torch.randn(rows, *shape, generator=source) * spread + 0.3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime(name, seed, tmp_path, record_property):
    """Its kernel for linear layers saturates without VNNI: the processor says which of the two arithmetics is right."""
    record_property("processor", f"{platform.processor() or platform.machine()}, saturates: {kernel_saturates()}")
    network, inputs = made(name, seed=seed)
    found, reference = by_onnx_runtime(network, inputs, tmp_path)
    exact = quantize_dynamically(network, precision("onnxruntime"))(inputs)
    assert torch.equal(exact, reference)
    here = "onnxruntime_no_vnni" if kernel_saturates() else "onnxruntime"
    assert torch.equal(quantize_dynamically(network, precision(here))(inputs), found)


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("name", ["wide", "odd"])
def test_onnx_runtime_with_a_scale_for_each_channel(name, rows, tmp_path):
    network, inputs = made(name, rows=rows)
    inputs = inputs.abs()  # large codes: where the kernel saturates, it does so here
    found, reference = by_onnx_runtime(network, inputs, tmp_path, per_channel=True)
    exact = quantize_dynamically(network, precision("onnxruntime", per_channel=True))(inputs)
    saturated = quantize_dynamically(network, precision("onnxruntime_no_vnni", per_channel=True))(inputs)
    assert torch.equal(exact, reference)
    assert torch.equal(saturated if kernel_saturates() else exact, found)
    assert rows == 1 or not torch.equal(saturated, exact)


def test_convolutions_do_not_saturate(tmp_path):
    """The largest products everywhere: neighbouring ones would not fit into 16 bits."""
    network, inputs = made("images")
    network = network[:1]
    with torch.no_grad():
        network[0].weight.copy_(network[0].weight.sign() * network[0].weight.abs().max())
    inputs = 1 + 0.01 * inputs.abs()
    found, reference = by_onnx_runtime(network, inputs, tmp_path)
    for runtime in ("onnxruntime", "onnxruntime_no_vnni"):
        outputs = quantize_dynamically(network, precision(runtime))(inputs)
        assert torch.equal(outputs, reference) and torch.equal(outputs, found)


def test_kernels_agree_where_no_pair_of_products_can_saturate(tmp_path):
    network, inputs = made("wide")
    with torch.no_grad():
        for layer in network[::2]:
            layer.weight[:, 1::2] = 0.0  # one product of 8 bits fits into 16
    found, reference = by_onnx_runtime(network, inputs, tmp_path)
    assert torch.equal(found, reference)
    for runtime in ("onnxruntime", "onnxruntime_no_vnni"):
        assert torch.equal(quantize_dynamically(network, precision(runtime))(inputs), found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["wide", "odd", "no bias"])
def test_torchao(name, seed):
    network, inputs = made(name, seed=seed)
    assert torch.equal(quantize_dynamically(network, precision("torchao"))(inputs), by_torchao(network, inputs))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_torchao_has_a_smallest_scale_in_the_unit_of_the_data(unit):
    network, inputs = made("odd")
    with torch.no_grad():
        network[0].weight *= 1 / unit
    ours = quantize_dynamically(network, precision("torchao"))(inputs * unit)
    assert torch.equal(ours, by_torchao(network, inputs * unit))


def test_torchao_takes_every_vector_of_a_sequence_by_itself():
    network, inputs = made("odd", rows=24)
    inputs = inputs.reshape(4, 6, 17)
    assert torch.equal(quantize_dynamically(network, precision("torchao"))(inputs), by_torchao(network, inputs))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("sign", ["any", "positive", "negative"])
@pytest.mark.parametrize(
    "layer, shape",
    [(lambda: nn.Linear(33, 16), (33,)), (lambda: nn.Conv2d(6, 8, 3, stride=2), (6, 9, 9))],
    ids=["linear", "convolution"],
)
def test_litert(layer, shape, sign, per_channel):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = nn.Sequential(layer())
    inputs = torch.randn(20, *shape, generator=torch.Generator().manual_seed(4))
    inputs = {"any": inputs + 0.7, "positive": inputs.abs(), "negative": -inputs.abs()}[sign]
    ours = quantize_dynamically(network, precision("litert", per_channel=per_channel))
    coded = next(layer for _, layer in ours.coded_layers())
    assert torch.equal(ours(inputs), by_litert(network[0], coded.weight, coded.scale, inputs))


def test_litert_depthwise_but_for_the_last_bits():
    """Its kernel there rounds float32 in another order."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = nn.Sequential(nn.Conv2d(6, 6, 3, groups=6))
    inputs = torch.randn(20, 6, 9, 9, generator=torch.Generator().manual_seed(4))
    ours = quantize_dynamically(network, precision("litert"))
    coded = next(layer for _, layer in ours.coded_layers())
    found = by_litert(network[0], coded.weight, coded.scale, inputs)
    step = float(coded.scale.max() * inputs.abs().amax() * 2 / 255)  # one code
    assert float((ours(inputs) - found).abs().max()) < 0.01 * step


def test_runtimes_disagree():
    """Each is an arithmetic of its own: none of them stands for another."""
    network, inputs = made("wide", rows=200)
    runtimes = ("torchao", "onnxruntime", "litert")
    outputs = [quantize_dynamically(network, precision(runtime))(inputs) for runtime in runtimes]
    assert all(not torch.equal(a, b) for i, a in enumerate(outputs) for b in outputs[:i])
