"""What docs/deployed.md tells readers to write reads every deployed network, without torch and without lowland."""

import ast
import csv
import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel
from lowland.coding.codes import code_range
from lowland.datasets import ModelDataset
from lowland.measurements import Cell
from lowland.pipelines.preparation.nodes import prepare
from lowland.pipelines.quantization.nodes import deploy_float, quantize_after_training
from lowland.quantization import (
    IntegerNetwork,
    Precision,
    QuantizationOptions,
    build_quantized,
    calibrate,
    freeze,
)
from lowland.tasks import Splits, TaskOptions, build_task, preprocessing_from
from tests.quantization.convolutions import CASES
from tests.quantization.graphs import GRAPHS, Builder
from tests.quantization.networks import integer_network, rows
from tests.quantization.recurrent import CASES as RECURRENT
from tests.tasks.table.tables import turbines
from tests.tasks.test_preprocessing import JETS, jets

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/deployed.md").read_text(encoding="utf-8")
READER = re.findall(r"```python reader\n(.*?)```", PAGE, re.S)
(USE,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
PRECISION = Precision(method="ptq", weight_bits=5, activation_bits=4)
OPTIONS = QuantizationOptions(input_bits=8, calibration_rows=50)
SIZES = dict.fromkeys(("train_rows", "validation_rows", "landscape_rows", "test_rows"), 100)


@pytest.fixture(scope="module")
def reader():
    """The functions of the page."""
    names = {}
    exec("\n".join(READER), names)
    return names


def saved(network, folder, **told):
    path = folder / "network.safetensors"
    ModelDataset(filepath=str(path)).save(StoredModel(network.eval(), **told))
    return path


def hostile(inputs, scale):
    """The inputs, ties between codes, and what saturates: 0, -0, the smallest, the largest and infinite numbers."""
    ties = (torch.arange(inputs.numel()).reshape(inputs.shape) % 301 - 150) * scale / 2
    extremes = torch.tensor([0.0, -0.0, 1e-45, 3e38, -3e38, torch.inf, -torch.inf])
    cycled = extremes[torch.arange(inputs.numel()).reshape(inputs.shape) % len(extremes)]
    return torch.cat([inputs, ties, cycled, -cycled, torch.where(inputs > 0, inputs, cycled)])


def check(reader, network: IntegerNetwork, inputs, folder):
    path = saved(network, folder)
    inputs = hostile(inputs, network.activation_scales["input"])
    found, scale = reader["run"](path, inputs.numpy())
    values = network.integer_values(inputs)
    off_device = network.spec["off_device"]
    last = network.steps[off_device[0]].inputs[0] if off_device else list(values)[-1]
    expected_scale = network.steps[off_device[0]].input_scale if off_device else network.output_scale
    assert found.dtype == np.int64 and np.array_equal(found, values[last].numpy())
    assert scale.dtype == np.float32 and np.array_equal(scale, expected_scale.numpy())
    if off_device:
        outputs = network.steps[off_device[0]].network(torch.from_numpy(found.astype(np.float32) * scale))
        assert torch.equal(outputs, network.forward_integer(inputs))


def test_the_reader_needs_numpy_and_safetensors_alone_and_is_short():
    modules = set()
    for node in ast.walk(ast.parse("\n".join(READER))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    assert modules == {"json", "numpy", "safetensors"} and "json" in sys.stdlib_module_names


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
def test_a_perceptron_is_reproduced(reader, tmp_path, bits):
    check(reader, integer_network(bits), rows(200, seed=1)[0], tmp_path)


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("case", CASES)
def test_a_convolution_network_is_reproduced(reader, tmp_path, case, bits):
    """Padding, strides, dilation, groups, both poolings, transposed convolutions, scales by channel, a float part."""
    check(reader, freeze(CASES[case].twin(bits)), CASES[case].rows(6, seed=1), tmp_path)


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "attention"])
def test_a_network_that_is_no_chain_is_reproduced(reader, tmp_path, name, bits):
    """Sums, concatenations, products, means, tables, embeddings, moved ranges, tied weights, all changes of shape."""
    network, inputs = GRAPHS[name].network(bits), GRAPHS[name].rows(40, seed=1)
    if GRAPHS[name].tokens:
        found, scale = reader["run"](saved(network, tmp_path), inputs.numpy())
        assert np.array_equal(found, network.forward_integer(inputs).numpy())
        assert np.array_equal(scale, network.output_scale.numpy())
    else:
        check(reader, network, inputs, tmp_path)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_network_is_reproduced(reader, tmp_path, name):
    """LSTM and GRU, over numbers and over padded tokens, several layers and both directions."""
    network, inputs = RECURRENT[name].integer(4), RECURRENT[name].rows(40, seed=1)
    found, scale = reader["run"](saved(network, tmp_path), inputs.numpy())
    assert np.array_equal(found, network.forward_integer(inputs).numpy())
    assert np.array_equal(scale, network.output_scale.numpy())


@pytest.mark.parametrize(
    "put",
    [
        lambda b: b.plain("multiply", "end", b.plain("rescale", "twice", "b", factor=0.3), "a"),
        lambda b: b.plain("mean", "end", b.plain("multiply", "square", "b", "b"), dims=[1], keepdim=False, count=4),
        lambda b: b.embedding("end", "a", 9, 2),
        lambda b: b.table("end", "b", "tanh", lowest=0, scale=0.1, bits_in=4),
    ],
)
def test_what_outputs_are_worth_is_told_whatever_they_are(reader, tmp_path, put):
    builder = Builder()
    builder.quantize("a", bits=3, signed=False)
    builder.requantize("b", builder.layer("first", "a", torch.nn.Linear(4, 4)), scale=0.2)
    put(builder)
    inputs = torch.rand(20, 4)
    found, scale = reader["run"](saved(builder.network(), tmp_path), inputs.numpy())
    assert np.array_equal(found, builder.network().forward_integer(inputs).numpy())
    assert np.array_equal(scale, builder.network().output_scale.numpy())


def test_a_float_step_is_refused_by_the_reader(reader, tmp_path):
    graph = GRAPHS["attention"]
    with pytest.raises(AssertionError, match="float_step"):
        reader["run"](saved(graph.network(), tmp_path), graph.rows(2).numpy())


@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    weight_bits=st.integers(2, 8),
    activation_bits=st.integers(2, 8),
    input_bits=st.integers(2, 12),
    signed=st.booleans(),
    per_channel=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_any_perceptron_is_reproduced_whatever_words_it_holds(
    reader, tmp_path_factory, widths, weight_bits, activation_bits, input_bits, signed, per_channel, bias, seed
):
    source = torch.Generator().manual_seed(seed)
    layers = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, bias=bias), nn.ReLU()]
    for layer in layers[::2]:
        for parameter in layer.parameters():
            parameter.data.normal_(generator=source)
    inputs = torch.randn(40, widths[0], generator=source) * 10 ** float(torch.randn(1, generator=source))
    widths = {"weight_bits": weight_bits, "activation_bits": activation_bits}
    precision = Precision(method="ptq", per_channel=per_channel, **widths)
    options = {"input_bits": input_bits, "input_signed": signed}
    twin = build_quantized(nn.Sequential(*layers[:-1]), precision, **options)
    network = freeze(calibrate(twin, inputs if signed else inputs.abs()))
    folder = tmp_path_factory.mktemp("network")
    check(reader, network, inputs, folder)
    codes, widths_of = network.codes, network.bits
    ends = {name: code_range(widths_of[name], signed=True) for name in codes}
    wild = {
        name: torch.randint(ends[name][0], ends[name][1] + 1, code.shape, generator=source)
        for name, code in codes.items()
    }
    check(reader, network.with_codes(wild), inputs, folder)
    lowest = {name: torch.full_like(code, ends[name][0]) for name, code in codes.items()}
    check(reader, network.with_codes(lowest), inputs, folder)


def test_what_has_no_code_is_refused(reader, tmp_path):
    path = saved(integer_network(4), tmp_path)
    with pytest.raises(AssertionError):
        reader["run"](path, np.full((1, 6), np.nan, np.float32))
    with pytest.raises(AssertionError):
        reader["run"](path, np.zeros((1, 6)))  # float64: another quotient


def test_other_formats_are_refused_by_the_page_and_by_lowland(reader, tmp_path, monkeypatch):
    monkeypatch.setattr("lowland.datasets.tensors.FORMAT", 2)
    path = saved(integer_network(4), tmp_path)
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        reader["read"](path)
    with pytest.raises(Exception, match="format is 2; this version of lowland reads 1"):
        ModelDataset(filepath=str(path)).load()


def deployed(options, raw, folder):
    """A task's network as the study deploys it: prepared, quantized and stored by the nodes of the pipelines."""
    data, facts = prepare(options, raw)
    assert data.facts == facts
    problem = build_task(options)
    spec = problem.network_spec_for(Splits.from_tensors(data.tensors)["train"])
    trained = StoredModel(initialised_network(spec, key=("page",)).eval())
    cell = Cell(task="mine", recipe="plain", seed="s1", precision="p5", method="ptq", weight_bits=5, activation_bits=4)
    model, measured = quantize_after_training(cell, PRECISION, OPTIONS, options, data, trained)
    path = folder / "network.safetensors"
    ModelDataset(filepath=str(path)).save(model)
    return path, model, measured, data


@pytest.mark.parametrize(
    "target", [{"target": "bearing", "classes": {"good": 0, "worn": [1, 2]}}, {"target": "power"}], ids=str
)
@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_rows_of_a_file_become_predictions(reader, tmp_path, target, missing):
    frame = turbines().assign(site=3.0)
    frame["speed"] = frame["speed"].map("{:.3f}".format).mask(frame.index % 40 == 0, "n/a")
    frame.to_csv(tmp_path / "turbines.csv", index=False)
    options = TaskOptions.model_validate(
        {
            "kind": "table",
            "path": str(tmp_path / "turbines.csv"),
            "features": ["wind", "speed", "temperature", "vibration", "site"],
            "missing": missing,
            "missing_codes": [-99, "n/a"],
            "clip_quantile": 0.01,
            "hidden": [8],
            **SIZES,
            **target,
        }
    )
    task = build_task(options)
    raw = task.fetch()
    path, model, _, data = deployed(options, raw, tmp_path)
    header, _ = reader["read"](path)
    assert header["identity"] == {"task": "mine", "recipe": "plain", "seed": "s1", "precision": "p5"}
    with open(tmp_path / "turbines.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    if missing == "drop":
        with pytest.raises(AssertionError, match="speed is missing"):
            reader["table_inputs"](header["preprocessing"], lines)
        lines = [line for line in lines if line["speed"] != "n/a" and float(line["temperature"]) != -99]
    inputs = reader["table_inputs"](header["preprocessing"], lines)
    preprocessing = preprocessing_from(model.preprocessing)
    expected = preprocessing.apply(pd.DataFrame(lines))
    assert inputs.dtype == np.float32 and np.array_equal(inputs, expected.numpy())
    assert {row.tobytes() for row in data.tensors["held_out/inputs"].numpy()} <= {row.tobytes() for row in inputs}
    integers, scale = reader["run"](path, inputs)
    assert np.array_equal(integers, model.network.forward_integer(expected).numpy())
    found = reader["table_predictions"](header["preprocessing"], integers * scale)
    outputs = model.network.scaled(model.network.forward_integer(expected))
    predictions = preprocessing.predictions(outputs)
    if "classes" in target:
        assert set(found) == {"good", "worn"} and list(found) == list(predictions)
    else:
        assert np.allclose(found, predictions, rtol=1e-6) and np.ptp(found) > 0
    names = {"table": pd.DataFrame(lines)}
    use = USE.replace("data/06_models/deployed/jets/plain/s0/qat6.safetensors", str(path))
    assert str(path) in use
    exec(use, names)
    assert list(names["predictions"]) == list(predictions)


def test_raw_jets_become_names_of_classes_with_the_score_that_the_file_tells(reader, tmp_path):
    options, raw = TaskOptions.model_validate(JETS), jets()
    path, model, measured, data = deployed(options, raw, tmp_path)
    header, _ = reader["read"](path)
    lines = raw.astype(str).to_dict("records")  # as a CSV file would hold the float32 numbers
    expected = preprocessing_from(header["preprocessing"]).apply(raw.drop(columns=["label", "set"]).astype(str))
    inputs = reader["table_inputs"](header["preprocessing"], lines)
    assert np.array_equal(inputs, expected.numpy())
    test, targets = Splits.from_tensors(data.tensors)["test"]
    integers, scale = reader["run"](path, test.numpy())
    assert np.array_equal(integers, model.network.forward_integer(test).numpy())
    names = reader["table_predictions"](header["preprocessing"], integers * scale)
    classes = np.array(header["preprocessing"]["answer"]["names"])[targets.numpy()]
    told = header["score"]
    assert told["measure"] == "accuracy" and told["rows"] == len(classes)
    assert np.mean(names == classes) == pytest.approx(told["value"], abs=0.01)
    row = measured[(measured.measure == "accuracy") & (measured.split == "test")].iloc[0]
    assert (told["value"], told["standard_error"]) == (row["value"], row["standard_error"])


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "econ", "source": "simulated", "filters": 8, "latent": 16},
        {"kind": "fusion", "source": "simulated", "amplitude_unit": 10.0},
        {"kind": "images", "source": "digits", "shift": "none", "network": "lenet1"},
    ],
    ids=["econ", "fusion", "images"],
)
def test_pictures_are_reproduced_from_the_inputs_of_the_task(reader, tmp_path, options):
    options = TaskOptions.model_validate({**options, **SIZES, "shifted_rows": 100})
    path, model, _, data = deployed(options, build_task(options).fetch(), tmp_path)
    inputs = data.tensors["held_out/inputs"][:20]
    integers, scale = reader["run"](path, inputs.numpy())
    spec = model.network.spec
    assert np.array_equal(integers, model.network.integer_values(inputs)[spec["output"]["step"]].numpy())
    assert spec["off_device"] == (["decoder"] if options.root.kind == "econ" else [])
    header, _ = reader["read"](path)
    assert header["preprocessing"]["kind"] == {"econ": "wafers", "fusion": "frames"}.get(options.root.kind, "images")
    if options.root.kind == "fusion":
        modes = integers * scale * header["preprocessing"]["output_scale"]
        outputs = model.network.scaled(model.network.forward_integer(inputs))
        assert np.allclose(modes, preprocessing_from(header["preprocessing"]).predictions(outputs), rtol=1e-6)
    if options.root.kind == "images":
        outputs = model.network.scaled(model.network.forward_integer(inputs))
        names = np.array(header["preprocessing"]["answer"]["names"])[integers.argmax(axis=1)]
        assert np.array_equal(names, preprocessing_from(header["preprocessing"]).predictions(outputs))


def test_the_float_cell_tells_the_same(tmp_path):
    options, raw = TaskOptions.model_validate(JETS), jets()
    data, facts = prepare(options, raw)
    trained = StoredModel(initialised_network(build_task(options).network_spec(), key=("page",)).eval())
    cell = Cell(task="jets", recipe="plain", seed="s0", precision="fp32", method="float", weight_bits=32,
                activation_bits=32)  # fmt: skip
    model, _ = deploy_float(cell, options, data, trained)
    dataset = ModelDataset(filepath=str(tmp_path / "float.safetensors"))
    dataset.save(model)
    again = dataset.load()
    assert again.preprocessing == facts["preprocessing"]
    assert again.identity == {"task": "jets", "recipe": "plain", "seed": "s0", "precision": "fp32"}
    assert again.score["measure"] == "accuracy"


def test_the_readme_shows_the_same_lines():
    assert USE in (ROOT / "README.md").read_text(encoding="utf-8")
