"""Whole networks that are no chains: from the module to integers, against the network itself and Brevitas."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.landscape import flip_curvature, mean_squared_flip, rounding_curvature
from lowland.quantization import (
    IntegerNetwork,
    Precision,
    QuantizedNetwork,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
)


class Residual(nn.Module):
    """Batch-norm, a skip over a depthwise convolution, global pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.depthwise, self.pointwise = nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.Conv2d(6, 6, 1)
        self.down, self.short = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.Conv2d(6, 8, 1, stride=2)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        values = functional.relu(self.norm(self.stem(inputs)))
        values = functional.relu(values + self.pointwise(functional.relu6(self.depthwise(values))))
        values = functional.relu(self.down(values) + self.short(values))
        return self.head(self.pool(values).flatten(1))


class Dense(nn.Module):
    """Concatenation of all that was before, standing batch-norms, other activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.norm = nn.BatchNorm1d(14)
        self.second = nn.Linear(14, 8)
        self.third = nn.Linear(22, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        values = torch.cat([inputs, functional.gelu(self.first(inputs))], dim=1)
        values = torch.cat([values, torch.tanh(self.second(functional.relu(self.norm(values))))], dim=1)
        return self.third(values)


class Mixer(nn.Module):
    """Layer norms, gates, attention: parts that stay float between integers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(3, 8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.gate, self.value, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        values = self.embed(inputs)
        normal = self.norm(values)
        values = values + self.attention(normal, normal, normal)[0]
        values = functional.silu(self.gate(values)) * self.value(values)
        return self.head(values.mean(1))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual": (Residual, (1, 8, 8)),
    "dense": (Dense, (6,)),
    "mixer": (Mixer, (5, 3)),
}


def made(name: str) -> tuple[nn.Module, Tensor]:
    build, shape = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = build()
        for norm in network.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.running_mean.normal_(std=0.3)
                norm.running_var.uniform_(0.5, 2)
    return network.eval(), torch.randn(300, *shape, generator=torch.Generator().manual_seed(0))


def quantized(name: str, bits: int, **options: object) -> tuple[nn.Module, QuantizedNetwork, Tensor]:
    network, inputs = made(name)
    precision = Precision(method="qat", weight_bits=bits, activation_bits=bits)
    model = build_quantized(network, precision, input_bits=8, example=inputs[:2], **options)
    return network, calibrate(model, inputs), inputs


def train(model: QuantizedNetwork, inputs: Tensor, steps: int = 5) -> None:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.003)
    targets = torch.randint(0, 4, (len(inputs),), generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("trained", [False, True])
def test_nothing_changes_from_the_model_to_integers(name: str, bits: int, trained: bool) -> None:
    _network, model, inputs = quantized(name, bits)
    if trained:
        train(model, inputs)
    frozen = freeze(model)
    check = deployment_check(model, frozen, inputs)
    spread = float(model(inputs).std().detach())
    assert check.largest_difference <= 1e-5 * spread and check.decisions_changed == 0
    assert check.integer_codes <= 1 and check.integer_samples <= 0.01
    assert check.integer_difference <= 2e-5 * spread or check.single_share > 0
    torch.testing.assert_close(frozen.dequantized()(inputs), frozen(inputs), rtol=0, atol=1e-5 * spread)
    torch.testing.assert_close(frozen.deployed_outputs(inputs), frozen.scaled(frozen.forward_integer(inputs)))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_error_falls_with_the_bits(name: str) -> None:
    errors = []
    for bits in (4, 6, 8, 10):
        network, model, inputs = quantized(name, bits)
        errors.append(float((freeze(model)(inputs) - network(inputs)).detach().square().mean().sqrt()))
    assert all(more > less for more, less in itertools.pairwise(errors))
    assert errors[-1] < 0.05 * float(made(name)[0](inputs).detach().std())


@pytest.mark.parametrize("name", NETWORKS)
def test_files_restore_the_network(name: str) -> None:
    _, model, inputs = quantized(name, 6)
    frozen = freeze(model)
    again = IntegerNetwork.from_spec(json.loads(json.dumps(frozen.spec)))
    again.load_state_dict(frozen.state_dict(), assign=True)
    assert torch.equal(again.forward_integer(inputs), frozen.forward_integer(inputs))
    assert torch.equal(copy.deepcopy(model)(inputs), model(inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_brevitas(name: str) -> None:
    """Straight through all roundings, tables and sums."""
    _, model, inputs = quantized(name, 6)
    weights = torch.randn(4, generator=torch.Generator().manual_seed(3))
    found = []
    for compute in (model, model.reference):
        model.zero_grad()
        (compute(inputs[:50]) * weights).sum().backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and len(found[0]) > 6
    for key, expected in found[1].items():
        torch.testing.assert_close(found[0][key], expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()) + 1e-6)


def test_operands_of_a_sum_have_one_scale_and_are_counted() -> None:
    _, model, _ = quantized("residual", 5)
    frozen = freeze(model)
    assert frozen.activation_bits["add_in0"] == frozen.activation_bits["add_in1"] == 5
    assert torch.equal(frozen.activation_scales["add_in0"], frozen.activation_scales["add_in1"])
    assert frozen.activation_bits["relu6_in"] == 8 and "relu6.table" in frozen.codes
    assert frozen.bits["relu6.table"] == 5 and len(frozen.codes["relu6.table"]) == 256


def test_equalization_stays_within_what_one_layer_alone_reads() -> None:
    network, inputs = made("residual")
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8, equalization=True, bias_correction=True)
    model = calibrate(build_quantized(network, precision, input_bits=8, example=inputs[:2]), inputs)
    error = (freeze(model)(inputs) - network(inputs)).detach()
    assert float(error.square().mean().sqrt()) < 0.05 * float(network(inputs).detach().std())


@pytest.mark.parametrize("name", NETWORKS)
def test_curvature_is_of_weights_and_biases_beside_tables(name: str) -> None:
    """Entries of tables are stored words without a derivative of their own."""
    _, model, inputs = quantized(name, 4)
    frozen = freeze(model)
    targets = torch.randint(0, 4, (60,), generator=torch.Generator().manual_seed(4))
    batches = [(inputs[:60], targets)]
    words = {key: codes.numel() * frozen.bits[key] for key, codes in frozen.codes.items()}
    tables = sum(size for key, size in words.items() if key.endswith(".table"))
    assert flip_curvature(frozen, functional.cross_entropy, batches).status == "ok"
    assert rounding_curvature(frozen, functional.cross_entropy, batches).status == "ok"
    assert tables > 0 and mean_squared_flip(frozen).num_samples == sum(words.values()) - tables
