"""Dynamic networks: which layers are coded, what is stored, and what is refused."""

import copy
import json

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from lowland.architectures import build_network
from lowland.errors import LowlandError
from lowland.landscape import Problem, hessian_trace
from lowland.quantization import DynamicNetwork, Precision, quantize_dynamically
from lowland.quantization.dynamic.arithmetic import ARITHMETICS
from lowland.quantization.dynamic.layers import CodedLayer
from lowland.quantization.precision import PER_BATCH

RUNTIMES = tuple(ARITHMETICS)


def dynamic(runtime="torchao", bits=8, **options) -> Precision:
    return Precision(method="dynamic", weight_bits=bits, activation_bits=bits, runtime=runtime, **options)


def weight_only(bits=8, **options) -> Precision:
    return Precision(method="weight_only", weight_bits=bits, activation_bits=32, **options)


class Residual(nn.Module):
    """A sum, a batch-norm, a layer that is called twice and a normalisation that stays float: no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.body = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.scaled = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        values = self.norm(self.stem(images)).relu()
        values = values + self.body(self.body(values)).relu()
        return self.head(self.scaled(self.up(values).mean((2, 3))))


def residual() -> tuple[nn.Module, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Residual()
        network(torch.randn(64, 2, 6, 6) * 2 + 1)  # statistics of the batch-norm
    return network.eval(), torch.randn(20, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def mlp() -> tuple[nn.Module, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network({"kind": "mlp", "inputs": 7, "hidden": [9], "outputs": 4})
    return network.eval(), torch.randn(30, 7, generator=torch.Generator().manual_seed(1))


CODED = {
    "torchao": {"head"},
    "onnxruntime": {"stem", "body", "head"},
    "onnxruntime_no_vnni": {"stem", "body", "head"},
    "litert": {"stem", "body", "head"},
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_any_module_has_its_layers_replaced_where_the_runtime_has_codes(runtime):
    network, images = residual()
    before = copy.deepcopy(network.state_dict())
    found = quantize_dynamically(network, dynamic(runtime))
    assert {name for name, _ in found.coded_layers()} == CODED[runtime]
    assert all(torch.equal(network.state_dict()[name], values) for name, values in before.items())
    expected = network(images).detach()
    spread = float(expected.max() - expected.min())
    assert 0 < float((found(images) - expected).abs().max()) < 0.05 * spread
    few = quantize_dynamically(network, dynamic(runtime, bits=3))
    assert float((few(images) - expected).abs().mean()) > 4 * float((found(images) - expected).abs().mean())


def test_weight_only_is_the_float_network_with_rounded_weights():
    network, images = residual()
    found = quantize_dynamically(network, weight_only(4))
    assert {name for name, _ in found.coded_layers()} == {"stem", "body", "up", "head"}
    rounded = found.dequantized()
    assert not any(isinstance(layer, CodedLayer) for layer in rounded.modules())
    assert torch.equal(found(images), rounded(images))
    for name, layer in found.coded_layers():
        channels = layer.weight.transpose(0, 1) if layer.kind == "conv_transpose2d" else layer.weight
        assert layer.scale.numel() == len(channels), name
        assert int(channels.flatten(1).abs().amax(1).min()) == 7


def test_small_layers_stay_float_if_asked():
    network, _ = residual()
    found = quantize_dynamically(network, weight_only(min_elements=72))
    assert {name for name, _ in found.coded_layers()} == {"stem", "body"}
    assert found.words["head.weight"].encoding == "float32"
    with pytest.raises(LowlandError, match=r"no layer that arithmetic 'weight_only' computes .* at least 1000 weights"):
        quantize_dynamically(network, weight_only(min_elements=1000))


def test_words_are_all_that_is_stored():
    network, _ = residual()
    found = quantize_dynamically(network, dynamic("litert", bits=6))
    words = found.words
    assert {name: (stored.bits, stored.encoding) for name, stored in words.items()} == {
        "stem.weight": (6, "codes"),
        "stem.scale": (32, "float32"),
        "stem.bias": (32, "float32"),  # of the batch-norm
        "body.weight": (6, "codes"),
        "body.scale": (32, "float32"),
        "body.bias": (32, "float32"),
        "up.weight": (32, "float32"),
        "up.bias": (32, "float32"),
        "scaled.weight": (32, "float32"),
        "scaled.bias": (32, "float32"),
        "head.weight": (6, "codes"),
        "head.scale": (32, "float32"),
        "head.bias": (32, "float32"),
    }
    assert found.size == 6 * (72 + 144 + 12) + 32 * (4 + 4 + 64 + 4 + 8 + 3)


def test_what_is_not_deployed_is_not_stored():
    network, inputs = mlp()
    found = quantize_dynamically(network, dynamic(), float_from="2")
    assert set(found.words) == {"layers.0.weight", "layers.0.scale", "layers.0.bias"}
    assert found(inputs).shape == (30, 4)
    with pytest.raises(LowlandError, match="float_from is 'head'"):
        quantize_dynamically(network, dynamic(), float_from="head")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_words_can_be_replaced(runtime):
    network, inputs = mlp()
    found = quantize_dynamically(network, dynamic(runtime))
    before = found(inputs)
    codes = found.words["layers.2.weight"].values
    turned = {name: found.words[f"layers.2.{name}"].values for name in ("weight", "scale", "bias")}
    turned = {f"layers.2.{name}": values.roll(1, 0) if values.ndim else values for name, values in turned.items()}
    assert torch.equal(found.with_words(turned)(inputs), before.roll(1, 1))
    assert torch.equal(found(inputs), before)
    for name, values, message in (
        ("layers.9.weight", codes, "words name 'layers.9.weight'"),
        ("layers.2.weight", codes.float(), "expected integers of shape"),
        ("layers.2.bias", codes[0], "expected float32 of shape"),
        ("layers.2.weight", codes.long() * 0 + 128, "8 bits of two's complement hold -128 to 127"),
    ):
        with pytest.raises(LowlandError, match=message):
            found.with_words({name: values})


@pytest.mark.parametrize("precision", [*map(dynamic, RUNTIMES), weight_only(5), dynamic("onnxruntime", batch_rows=7)])
def test_networks_survive_json_and_their_state(precision):
    network, inputs = mlp()
    found = quantize_dynamically(network, precision)
    spec = json.loads(json.dumps(found.spec))
    other = DynamicNetwork.from_spec(spec, build_network(spec["network"]))
    other.load_state_dict(found.state_dict(), assign=True)
    assert torch.equal(other(inputs), found(inputs)) and other.spec == found.spec
    assert other.words.keys() == found.words.keys() and other.size == found.size


def test_a_module_without_a_spec_cannot_be_kept_in_a_file():
    network, _ = residual()
    with pytest.raises(LowlandError, match="made from a module without a spec"):
        _ = quantize_dynamically(network, dynamic()).spec


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_neighbours_matter_where_scales_are_of_batches(runtime):
    network, inputs = mlp()
    found = quantize_dynamically(network, dynamic(runtime))
    alone = torch.cat([found(row[None]) for row in inputs])
    assert torch.equal(found(inputs), alone) != (runtime in PER_BATCH)
    assert found.depends_on_batch == (runtime in PER_BATCH)
    if runtime in PER_BATCH:
        one_by_one = quantize_dynamically(network, dynamic(runtime, batch_rows=1))
        assert torch.equal(one_by_one(inputs), alone) and not one_by_one.depends_on_batch
        by_seven = quantize_dynamically(network, dynamic(runtime, batch_rows=7))
        assert torch.equal(by_seven(inputs), torch.cat([found(part) for part in inputs.split(7)]))


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name not in PER_BATCH])
def test_the_dequantized_network_is_what_landscapes_see(runtime):
    for network, inputs in (mlp(), residual()):
        found = quantize_dynamically(network, dynamic(runtime, bits=6))
        plain = found.dequantized()
        assert torch.allclose(plain(inputs), found(inputs), rtol=1e-4, atol=1e-5)
        assert all(p.requires_grad for p in plain.parameters())
        coded = sum(stored.values.numel() for stored in found.weights_and_biases.values())
        assert sum(p.numel() for p in plain.parameters()) == coded
    network, inputs = mlp()
    problem = Problem(
        quantize_dynamically(network, dynamic(runtime)), nn.functional.cross_entropy, [(inputs, torch.arange(30) % 4)]
    )
    near = Problem(network, nn.functional.cross_entropy, [(inputs, torch.arange(30) % 4)])
    source = torch.Generator().manual_seed(0)
    trace, other = (hessian_trace(each, generator=source) for each in (problem, near))
    assert trace.status == "ok" and trace.value == pytest.approx(other.value, rel=0.1)


@pytest.mark.parametrize("precision", [dynamic(), weight_only(4)], ids=["dynamic", "weight_only"])
def test_a_layer_under_two_names_stays_one_in_the_dequantized_network(precision):
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    network[2] = network[0]
    plain = quantize_dynamically(network, precision).dequantized()
    assert sum(parameter.numel() for parameter in plain.parameters()) == 20 and plain[0] is plain[2]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_gradients_pass_the_roundings_straight_through(runtime):
    network, inputs = mlp()
    found = quantize_dynamically(network, dynamic(runtime))
    inputs.requires_grad_(True)
    outputs = found(inputs)
    assert torch.equal(outputs.detach(), found(inputs.detach()))
    outputs.square().sum().backward()
    of_codes = inputs.grad.clone()
    inputs.grad = None
    network(inputs).square().sum().backward()
    # Saturated sums are other values, at which the loss has another slope.
    assert float((of_codes - inputs.grad).norm() / inputs.grad.norm()) < (0.4 if "no_vnni" in runtime else 0.1)


def test_batches_have_no_rows_and_dynamic_networks_no_integers():
    network, _ = mlp()
    found = quantize_dynamically(network, dynamic("onnxruntime"))
    with pytest.raises(LowlandError, match=r"scales come from the whole batch.*expected arithmetic by row"):
        found.dequantized()
    for name in ("forward_integer", "codes", "steps"):
        assert not hasattr(found, name)
        with pytest.raises(LowlandError, match=f"network has no {name}: .* expected a network in integers alone"):
            getattr(found, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = found.nonsense


@pytest.mark.parametrize("computed", ["pruned", "weight_norm"])
def test_computed_weights_are_the_ones_that_are_coded(computed):
    network, inputs = mlp()
    layer = network.layers[0]
    if computed == "pruned":
        prune.l1_unstructured(layer, "weight", amount=0.5)
    else:
        parametrizations.weight_norm(layer)
        with torch.no_grad():
            layer.parametrizations.weight.original0 *= 2
    found = quantize_dynamically(network, dynamic())
    codes = found.words["layers.0.weight"]
    assert torch.allclose(codes.values * found.words["layers.0.scale"].values, layer.weight, atol=0.02)
    assert computed != "pruned" or int((codes.values == 0).sum()) >= layer.weight.numel() // 2
    assert float((found(inputs) - network(inputs)).abs().max().detach()) < 0.05


def test_bad_networks_are_refused_in_one_line():
    network, _ = mlp()
    with pytest.raises(LowlandError, match="method is ptq; expected dynamic or weight_only"):
        quantize_dynamically(network, Precision(method="ptq", weight_bits=8, activation_bits=8))
    with pytest.raises(LowlandError, match=r"no layer that arithmetic 'torchao' computes .* found Conv2d"):
        quantize_dynamically(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), dynamic())
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    tied[2].weight = tied[0].weight
    with pytest.raises(LowlandError, match=r"0\.weight and 2\.weight of the network are one parameter"):
        quantize_dynamically(tied, dynamic())
    with pytest.raises(LowlandError, match=r"float64.*call network.float"):
        quantize_dynamically(copy.deepcopy(network).double(), dynamic())
    with torch.no_grad():
        network.layers[0].bias[1] = float("nan")
    with pytest.raises(LowlandError, match=r"layers\.0\.bias of the network holds 1 NaN"):
        quantize_dynamically(network, dynamic())


def test_a_single_layer_is_a_network_too():
    layer = nn.Linear(3, 2)
    found = quantize_dynamically(layer, dynamic())
    assert set(found.words) == {"weight", "scale", "bias"}
    assert torch.allclose(found(torch.ones(1, 3)), layer(torch.ones(1, 3)), atol=0.05)
    assert torch.allclose(found.dequantized()(torch.ones(1, 3)), found(torch.ones(1, 3)))


@pytest.mark.parametrize("stack", [False, True])
def test_transformers_keep_the_projections_that_attention_reads(stack):
    """It multiplies by the weight of that layer itself, as torch's fused kernel does with all of them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        network = (nn.TransformerEncoder(network, 1) if stack else network).eval()
    inputs = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    found = quantize_dynamically(network, dynamic())
    assert {name for name, _ in found.coded_layers()} == {
        "layers.0.linear1" if stack else "linear1",
        "layers.0.linear2" if stack else "linear2",
    }
    with torch.no_grad():
        assert torch.allclose(found.dequantized()(inputs), found(inputs), atol=1e-5)
        assert float((found(inputs) - network(inputs)).abs().max()) < 0.05
