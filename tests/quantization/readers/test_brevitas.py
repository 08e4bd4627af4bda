"""Users' Brevitas models as integer networks: what they compute, and what is refused."""

from __future__ import annotations

import warnings

import brevitas.nn as qnn
import pytest
import torch
from brevitas import quant
from brevitas.proxy.runtime_quant import DynamicActQuantProxyFromInjector
from brevitas.quant import binary, fixed_point, float_quant_ocp, shifted_scaled_int
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization import freeze
from lowland.quantization.graph.table_step import Table
from tests.quantization.readers.agreement import check_agrees

SIGNED, UNSIGNED = quant.Int8ActPerTensorFloat, quant.Uint8ActPerTensorFloat


class Residual(nn.Module):
    """A convolution with batch-norm, a depthwise one beside a skip, pooling and a linear layer."""

    def __init__(
        self,
        *,
        weights=quant.Int8WeightPerTensorFloat,
        signed=SIGNED,
        unsigned=UNSIGNED,
        bias=None,
        bits=4,
        tensors=True,
    ) -> None:
        super().__init__()
        layer = {"weight_quant": weights, "weight_bit_width": bits, "bias_quant": bias}
        act = {"return_quant_tensor": tensors}
        self.inp = qnn.QuantIdentity(act_quant=signed, **act)
        self.first = qnn.QuantConv2d(2, 6, 3, padding=1, stride=2, **layer)
        self.norm = nn.BatchNorm2d(6)
        self.relu = qnn.QuantReLU(act_quant=unsigned, bit_width=bits, **act)
        self.deep = qnn.QuantConv2d(6, 6, 3, padding=1, groups=6, bias=False, **layer)
        self.second = nn.BatchNorm2d(6)
        self.sum = qnn.QuantEltwiseAdd(input_quant=signed, output_quant=signed, **act)
        self.last = qnn.QuantReLU(act_quant=unsigned, bit_width=bits, **act)
        self.pool = nn.AvgPool2d(2)
        self.linear = qnn.QuantLinear(24, 4, bias=True, **layer)

    def forward(self, x):
        x = self.relu(self.norm(self.first(self.inp(x))))
        x = self.last(self.sum(x, self.second(self.deep(x))))
        return self.linear(torch.flatten(self.pool(x), 1))


def settled(network: nn.Module, shape: tuple[int, ...], *, rows: int = 200) -> tuple[nn.Module, Tensor]:
    """The network with statistics and random batch-norms, in evaluation mode, and some inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.train()
        for _ in range(2):
            network(torch.randn(32, *shape))
        for part in network.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return network.eval(), torch.randn(rows, *shape)


@torch.no_grad()
def values(network: nn.Module, inputs: Tensor) -> Tensor:
    outputs = network(inputs)
    return getattr(outputs, "value", outputs)


def tensors_of(network: nn.Module) -> list[tuple[str, Tensor]]:
    return [*network.named_parameters(), *network.named_buffers()]


KINDS = {
    "defaults, biases in float": {},
    "biases at the accumulator's scale": {"bias": quant.Int32Bias},
    "biases of 16 bits": {"bias": quant.Int16Bias},
    "biases of 8 bits": {"bias": quant.Int8Bias},
    "biases with scales of their own": {"bias": quant.Int8BiasPerTensorFloatInternalScaling},
    "one scale a channel": {"weights": quant.Int8WeightPerChannelFloat, "bias": quant.Int32Bias},
    "powers of two": {
        "weights": fixed_point.Int8WeightPerTensorFixedPoint,
        "signed": fixed_point.Int8ActPerTensorFixedPoint,
        "unsigned": fixed_point.Uint8ActPerTensorFixedPoint,
        "bias": quant.Int32Bias,
    },
    "powers of two a channel": {
        "weights": fixed_point.Int8WeightPerChannelFixedPoint,
        "unsigned": fixed_point.Uint8ActPerTensorFixedPoint,
    },
    "inputs with a zero point": {"signed": shifted_scaled_int.ShiftedUint8ActPerTensorFloat},
    "plain tensors between": {"tensors": False},
    "two bits": {"bits": 2},
    "eight bits": {"bits": 8},
}


@pytest.mark.filterwarnings("ignore:Computing zero point of output accumulator")  # Brevitas of its own quantizers
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_frozen_as_it_is(kind: str) -> None:
    torch.manual_seed(len(kind))
    model, inputs = settled(Residual(**KINDS[kind]), (2, 8, 8))
    before = {name: tensor.clone() for name, tensor in tensors_of(model)}
    network = freeze(model, inputs)
    check_agrees(network, values(model, inputs), inputs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors_of(model))
    for name in ("first", "deep", "linear"):
        layer = getattr(model, name)
        codes = layer.quant_weight().int()
        assert torch.equal(network.codes[f"{name}.weight"].abs(), codes.abs())
        if name == "linear":  # no batch-norm behind it: not even signs change
            assert torch.equal(network.codes[f"{name}.weight"].long(), codes.long())
            assert torch.equal(network.scales[f"{name}.weight"], layer.quant_weight().scale.detach())
        assert network.bits[f"{name}.weight"] == int(layer.quant_weight().bit_width)


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(qnn.QuantIdentity(return_quant_tensor=True), *layers)


NETWORKS = {
    "a narrow activation": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True, weight_bit_width=3),
            qnn.QuantIdentity(act_quant=quant.Int8ActPerTensorFloat, bit_width=3, narrow_range=True),
            qnn.QuantLinear(9, 3, bias=False),
        ),
        (6,),
    ),
    "a batch-norm that turns channels around, and one of zeros": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True, weight_bit_width=3, narrow_range=False),
            nn.BatchNorm1d(9),
            qnn.QuantReLU(bit_width=4),
            nn.Dropout(),
            qnn.QuantLinear(9, 3, bias=False),
        ),
        (6,),
    ),
    "a batch-norm at the end": (
        lambda: chain(qnn.QuantLinear(6, 9, bias=False, weight_bit_width=4), nn.BatchNorm1d(9)),
        (6,),
    ),
    "tables behind quantized accumulators": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True),
            qnn.QuantSigmoid(input_quant=SIGNED, bit_width=6),
            qnn.QuantLinear(9, 7, bias=True),
            qnn.QuantIdentity(bit_width=7),
            qnn.QuantTanh(bit_width=5),
            qnn.QuantLinear(7, 3, bias=False),
        ),
        (6,),
    ),
    "hard tanh": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True),
            qnn.QuantHardTanh(max_val=1.0, min_val=-1.0, bit_width=4),
            qnn.QuantLinear(9, 3, bias=False),
        ),
        (6,),
    ),
    "ReLU6 between layer and quantizer": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True),
            nn.ReLU6(),
            qnn.QuantIdentity(bit_width=5),
            qnn.QuantLinear(9, 3, bias=False),
        ),
        (6,),
    ),
    "lines of length, maxima, one scale a channel": (
        lambda: chain(
            qnn.QuantConv1d(2, 4, 3, bias=True, weight_quant=quant.Int8WeightPerChannelFloat, dilation=2),
            nn.BatchNorm1d(4),
            nn.ReLU(),
            nn.MaxPool1d(2),
            qnn.QuantIdentity(act_quant=UNSIGNED, bit_width=4),
            nn.Flatten(),
            qnn.QuantLinear(16, 3, bias=True),
        ),
        (2, 12),
    ),
    "a flattened convolution with one scale a channel": (
        lambda: chain(
            qnn.QuantConv2d(1, 4, 3, bias=True, weight_quant=quant.Int8WeightPerChannelFloat),
            nn.BatchNorm2d(4),
            nn.Flatten(),
            qnn.QuantReLU(bit_width=5),
            qnn.QuantLinear(16, 3, bias=True),
        ),
        (1, 4, 4),
    ),
    "binary weights": (
        lambda: chain(
            qnn.QuantLinear(6, 9, bias=True, weight_quant=binary.SignedBinaryWeightPerTensorConst, scaling_const=0.5),
            qnn.QuantReLU(bit_width=4),
            qnn.QuantLinear(9, 3, bias=False),
        ),
        (6,),
    ),
    "a transposed convolution": (
        lambda: chain(
            qnn.QuantConvTranspose2d(2, 3, 2, stride=2, bias=True),
            qnn.QuantReLU(bit_width=4),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            qnn.QuantLinear(3, 3, bias=True),
        ),
        (2, 3, 3),
    ),
    "layers with quantizers of their own": (
        lambda: nn.Sequential(
            qnn.QuantLinear(6, 9, bias=True, input_quant=SIGNED, output_quant=SIGNED),
            nn.ReLU(),
            qnn.QuantLinear(9, 3, bias=True, input_quant=UNSIGNED, input_bit_width=5),
        ),
        (6,),
    ),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_other_layers(case: str) -> None:
    torch.manual_seed(len(case))
    build, shape = NETWORKS[case]
    model, inputs = settled(build(), shape, rows=400)
    if "zeros" in case:
        with torch.no_grad():
            model[2].weight[3] = 0
    check_agrees(freeze(model, inputs), values(model, inputs), inputs)


class Shared(nn.Module):
    """Both sides of a sum, and of a concatenation, behind one quantizer."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = qnn.QuantIdentity(return_quant_tensor=True)
        self.one = qnn.QuantLinear(6, 6, bias=True)
        self.two = qnn.QuantLinear(6, 6, bias=True)
        self.same = qnn.QuantIdentity(bit_width=6, return_quant_tensor=True)
        self.out = qnn.QuantLinear(12, 3, bias=True)

    def forward(self, x):
        x = self.inp(x)
        one, two = self.same(self.one(x)), self.same(self.two(x))
        return self.out(torch.cat([one, two], dim=1) + torch.cat([two, two], dim=1))


def test_one_quantizer_in_several_places() -> None:
    torch.manual_seed(0)
    model, inputs = settled(Shared(), (6,))
    check_agrees(freeze(model, inputs), values(model, inputs), inputs)


def test_an_activation_is_looked_up() -> None:
    torch.manual_seed(0)
    model, inputs = settled(NETWORKS["tables behind quantized accumulators"][0](), (6,))
    tables = [step for step in freeze(model, inputs).steps.values() if isinstance(step, Table)]
    assert [(table.function, table.bits) for table in tables] == [("sigmoid", 6), ("tanh", 5)]


class Dynamic(SIGNED):
    proxy_class = DynamicActQuantProxyFromInjector


def linear(**options) -> nn.Module:
    return qnn.QuantLinear(6, 6, bias=True, **options)


REFUSED = {
    "inputs in float": (lambda: nn.Sequential(linear()), r"layer 0 takes inputs that nobody has quantized"),
    "two layers in a row": (lambda: chain(linear(), linear()), "layer 2 takes values that nobody has quantized"),
    "a rectifier without quantizer": (lambda: chain(linear(), nn.ReLU(), linear()), "layer 3 takes values that nobody"),
    "float weights": (lambda: chain(nn.Linear(6, 6)), r"layer 1 \(Linear\) has float weights: use QuantLinear"),
    "weights left in float": (lambda: chain(linear(weight_quant=None)), "layer 1 has weights that nobody quantizes"),
    "a softmax inside": (lambda: chain(linear(), nn.Softmax(-1), linear()), r"layer 2 \(Softmax\) computes in float"),
    "a sigmoid of accumulators": (
        lambda: chain(linear(), qnn.QuantSigmoid(), linear()),
        "layer 2 is sigmoid of values that nobody has quantized",
    ),
    "weights with a zero point": (
        lambda: chain(linear(weight_quant=shifted_scaled_int.ShiftedUint8WeightPerTensorFloat)),
        "layer 1 has weights with a zero point",
    ),
    "scales that depend on the data": (
        lambda: nn.Sequential(qnn.QuantIdentity(act_quant=Dynamic), linear()),
        "layer 0 has scales that depend on the data",
    ),
    "other roundings": (
        lambda: nn.Sequential(qnn.QuantIdentity(float_to_int_impl_type="floor"), linear()),
        "layer 0 rounds activations by FLOOR",
    ),
    "small floats": (
        lambda: nn.Sequential(qnn.QuantIdentity(act_quant=float_quant_ocp.Fp8e4m3OCPActPerTensorFloat), linear()),
        "layer 0 has a quantizer of another kind",
    ),
    "a rectifier at the end": (lambda: chain(linear(), nn.ReLU()), "the output is rectified and not quantized"),
    "addends of different sizes": (
        lambda: _Sum(),
        "add at test_brevitas.py:[0-9]+ joins integers worth",
    ),
}


class _Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inp = qnn.QuantIdentity(return_quant_tensor=False)
        self.layer = linear()
        self.out = qnn.QuantIdentity(bit_width=5, return_quant_tensor=False)

    def forward(self, x):
        x = self.inp(x)
        return self.out(self.layer(x)) + x


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_integer_network_is_named(case: str) -> None:
    build, message = REFUSED[case]
    model, inputs = settled(build(), (6,), rows=8)
    with pytest.raises(LowlandError, match=message) as refusal:
        freeze(model, inputs)
    assert "\n" not in str(refusal.value)


def test_all_of_it_is_named_at_once() -> None:
    model = chain(linear(), nn.Softmax(-1), qnn.QuantIdentity(), nn.Linear(6, 6), nn.ReLU())
    model, inputs = settled(model, (6,), rows=8)
    with pytest.raises(LowlandError, match=r"layer 2 .* computes in float"):
        freeze(model, inputs)
    two = _Two()
    two, inputs = settled(two, (6,), rows=8)
    with pytest.raises(LowlandError, match=r"layer a .*; layer b ") as refusal:
        freeze(two, inputs)
    assert str(refusal.value).count("layer ") == 2


class _Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = linear(), nn.Linear(6, 6)

    def forward(self, x):
        return self.a(x) + self.b(x)


def test_a_module_without_quantizers_and_a_missing_example_are_refused() -> None:
    with pytest.raises(LowlandError, match="network is a Linear without quantizers"):
        freeze(nn.Linear(3, 3), torch.zeros(2, 3))
    with pytest.raises(LowlandError, match="example of Sequential is None"):
        freeze(chain(linear()))


class _Sly(nn.Module):
    """Adds something that no call of a layer shows."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = qnn.QuantIdentity()
        self.layer = linear()
        self.count = 0

    def forward(self, x):
        x = self.layer(self.inp(x))
        return x * 2 if isinstance(x, torch.fx.Proxy) else x


def test_a_model_that_computes_something_else_is_noticed() -> None:
    model, inputs = settled(_Sly(), (6,), rows=50)
    with pytest.raises(LowlandError, match="_Sly and its integer network differ on 50 of 50 rows"):
        freeze(model, inputs)
