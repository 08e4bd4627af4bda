"""An ONNX file computes the integers of the network, whoever runs it."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.errors import LowlandError, MistakesError
from lowland.export import export_onnx, run_onnx
from lowland.export.onnx_rules import ONNX_RULES
from lowland.export.results import deployed
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.steps import STEPS
from tests.export.networks import NAMES, edges, network, rows
from tests.export.random_graphs import RandomGraph
from tests.quantization.graphs import GRAPHS, Builder, one_for_all

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("bits", [4, 8, 12])
@pytest.mark.parametrize("name", NAMES)
def test_runtimes_compute_the_integers_of_the_network(name, bits, tmp_path):
    given, inputs = network(name, bits), rows(name, 40)
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    expected = deployed(given, inputs).integers(inputs)
    assert torch.equal(run_onnx(path, inputs), expected)
    assert torch.equal(run_onnx(path, inputs[:2], runtime="reference"), expected[:2])


def test_a_chain_gives_forward_integer(tmp_path):
    given, inputs = network("classifier", 8), rows("classifier", 9)
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    assert torch.equal(run_onnx(path, inputs), given.forward_integer(inputs))


def test_floats_of_a_last_step_are_told_as_floats(tmp_path):
    b = Builder(8)
    b.floats("softmax", (b.layer("head", b.quantize("input"), nn.Linear(5, 3)),), nn.Softmax(-1))
    given, inputs = IntegerNetwork(b.steps), torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    for runtime in ("onnxruntime", "reference"):
        outputs = run_onnx(path, inputs, runtime=runtime)
        torch.testing.assert_close(outputs, given.forward_integer(inputs).float())


def test_one_summand_for_all_channels(tmp_path):
    given, inputs = one_for_all(), torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    assert torch.equal(run_onnx(path, inputs), given.forward_integer(inputs))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([(5,), (2, 6), (2, 5, 6)]))
def test_random_graphs_of_steps(tmp_path_factory, seed, shape):
    graph = RandomGraph(seed, shape)
    given, inputs = graph.network(8), graph.rows(8)
    path = export_onnx(given, inputs, tmp_path_factory.mktemp("onnx") / "network.onnx")
    expected = given.forward_integer(inputs)
    assert torch.equal(run_onnx(path, inputs), expected)
    assert torch.equal(run_onnx(path, inputs[:2], runtime="reference"), expected[:2])


def test_ties_signs_and_the_widest_products(tmp_path):
    given, inputs = edges()
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    for runtime in ("onnxruntime", "reference"):
        assert torch.equal(run_onnx(path, inputs, runtime=runtime), given.forward_integer(inputs))


@pytest.mark.parametrize("name", ["one scale a channel", "classifier", "averaging"])
def test_float_outputs_are_integers_times_scale(name, tmp_path):
    given, inputs = network(name, 8), rows(name, 9)
    path = export_onnx(given, inputs, tmp_path / "network.onnx", float_outputs=True)
    assert torch.equal(run_onnx(path, inputs, output="outputs"), given.scaled(given.forward_integer(inputs)))
    told = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert torch.equal(torch.tensor(json.loads(told["output_scale"])), given.output_scale)


def test_a_float_part_is_left_off(tmp_path):
    given, inputs = network("autoencoder", 8), rows("autoencoder", 9)
    path = export_onnx(given, inputs, tmp_path / "network.onnx", float_outputs=True)
    island = given.steps["decoder"]
    assert torch.equal(island(run_onnx(path, inputs, output="outputs")), given(inputs))


def test_bytes_meet_in_integer_operators_and_no_float_scale_is_used(tmp_path):
    path = export_onnx(network("classifier", 8), rows("classifier", 1), tmp_path / "network.onnx")
    operators = [node.op_type for node in onnx.load(path).graph.node]
    assert "ConvInteger" in operators and "MatMulInteger" in operators
    assert operators.count("Div") == 1  # the inputs' quantizer
    assert not [each for each in operators if each.startswith(("QLinear", "QuantizeLinear", "Dequantize"))]
    wide = export_onnx(network("classifier", 12), rows("classifier", 1), tmp_path / "wide.onnx")
    assert "ConvInteger" not in [node.op_type for node in onnx.load(wide).graph.node]


def test_a_tensor_that_several_steps_use_stands_once(tmp_path):
    path = export_onnx(network("tied", 4), rows("tied", 1), tmp_path / "network.onnx")
    names = [each.name for each in onnx.load(path).graph.initializer]
    assert sum(name.startswith("cell.weight") for name in names) == 1


def test_the_file_holds_for_its_checker_and_its_shapes(tmp_path):
    path = export_onnx(network("residual", 4), rows("residual", 1), tmp_path / "network.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [each.dim_value for each in model.graph.output[0].type.tensor_type.shape.dim][1:] == [3]


def test_the_same_network_gives_the_same_bytes(tmp_path):
    first, second = (
        export_onnx(network("dense", 4), rows("dense", 1), tmp_path / name).read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_what_onnx_cannot_say_is_listed_at_once_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delitem(ONNX_RULES, "permute")
    monkeypatch.delitem(ONNX_RULES, "slice")
    with pytest.raises(MistakesError) as caught:
        export_onnx(network("tokens", 4), rows("tokens", 1), tmp_path / "out" / "network.onnx")
    first, second = caught.value.lines
    assert "'channels' is a permute" in first and "'last' is a slice" in second
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_text("mine")
    with pytest.raises(LowlandError, match="exists; expected a new path"):
        export_onnx(network("tied", 4), rows("tied", 1), path)
    assert path.read_text() == "mine"


def test_every_kind_of_step_has_a_rule_or_is_known_to_have_none():
    assert set(STEPS) - set(ONNX_RULES) == {"float_island"}


def test_float_steps_are_equal_up_to_rounding(tmp_path):
    given, inputs = GRAPHS["attention"].network(8), GRAPHS["attention"].rows(400)
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    expected = given.forward_integer(inputs)
    for runtime, count in (("onnxruntime", 400), ("reference", 40)):
        differs = (run_onnx(path, inputs[:count], runtime=runtime) != expected[:count]).any(1)
        assert int(differs.sum()) <= count // 40


@pytest.mark.parametrize(
    "layer, num_inputs",
    [
        (nn.LayerNorm((3, 4)), 1),
        (nn.LayerNorm(4, elementwise_affine=False), 1),
        (nn.Softmax(dim=1), 1),
        (nn.LogSoftmax(dim=-1), 1),
        (DotProductAttention(scale=0.3), 3),
        (nn.MultiheadAttention(4, 2, batch_first=True, bias=False), 3),
        (nn.MultiheadAttention(4, 1, batch_first=True), 3),
    ],
)
def test_layers_in_floats_are_those_of_torch(layer, num_inputs, tmp_path):
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    builder = Builder(bits=8)
    codes = builder.quantize("input")
    floats = builder.floats("layer", (codes,) * num_inputs, layer)
    builder.quantize("fine", floats, scale=1e-4, bits=16)
    given, inputs = builder.network(), torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(2))
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    assert (run_onnx(path, inputs) - given.forward_integer(inputs)).abs().max() <= 1


def test_layers_in_floats_that_onnx_is_not_told_are_named(tmp_path):
    builder = Builder()
    floats = builder.floats("left", (builder.quantize("input"),), nn.GroupNorm(1, 3))
    again = builder.floats("right", (builder.quantize("codes", floats),), nn.GroupNorm(1, 3))
    builder.quantize("last", again)
    with pytest.raises(MistakesError) as caught:
        export_onnx(builder.network(), torch.zeros(1, 3, 4), tmp_path / "network.onnx")
    left, right = caught.value.lines
    assert left.startswith("step 'left' (float_step): computes GroupNorm in floats; expected one of LayerNorm")
    assert right.startswith("step 'right'")
