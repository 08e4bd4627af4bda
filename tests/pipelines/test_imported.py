"""A network from outside from its file to the long table, and back from the study's own files."""

import pandas as pd
import pytest
import torch

from lowland.artifacts import StoredTensors
from lowland.datasets import ModelDataset
from lowland.measurements import Cell
from lowland.pipelines.quantization.nodes import deploy_imported
from lowland.pipelines.training.nodes import read_network
from lowland.tasks import Samples, TaskOptions, build_task
from lowland.trial import try_task
from tests.made_splits import all_in
from tests.tasks.table.tables import turbines
from tests.tasks.test_network_options import options

pytest.importorskip("onnx")
from tests.quantization.readers.qonnx_files import computed
from tests.quantization.test_imported import file

CELL = Cell(
    task="worn", recipe="given", seed="s0", precision="imported", method="imported", weight_bits=0, activation_bits=0
)


def kept(model, path):
    """The model as the next node gets it."""
    dataset = ModelDataset(filepath=str(path))
    dataset.save(model)
    return dataset.load()


def test_it_is_stored_as_it_came_and_measured(tmp_path):
    path = file(tmp_path / "a.onnx")
    task = TaskOptions.model_validate(options(network={"qonnx": str(path)}))
    rows = torch.randn(80, 3, generator=torch.Generator().manual_seed(1))
    expected = computed(path, rows)
    data = StoredTensors(all_in(Samples(rows, expected.argmax(1)), 3).to_tensors())
    trained, given = (kept(model, tmp_path / f"{i}.safetensors") for i, model in enumerate(read_network(task, data)))
    assert torch.equal(trained.network(rows), expected)
    assert {p.dtype for p in trained.network.parameters()} == {torch.float32}
    model, measured = deploy_imported(CELL, task, data, trained, given)
    again = kept(model, tmp_path / "deployed.safetensors")
    assert torch.equal(again.network(rows), expected) and again.network.codes.keys() == given.network.codes.keys()
    assert again.identity["precision"] == "imported"
    values = measured[measured.split.isin(["", "test"])].set_index("measure")["value"]
    assert values["accuracy"] == 1 and values["deployment_mismatch"] == 0 == values["integer_mismatch_rate"]
    assert values["size"] == given.network.size
    assert set(measured.method) == {"imported"}
    assert set(zip(measured.weight_bits, measured.activation_bits, strict=True)) == {(4, 5)}  # its own widths


def test_it_is_tried_before_a_study(tmp_path):
    turbines().to_csv(tmp_path / "turbines.csv", index=False)
    table = {"path": str(tmp_path / "turbines.csv")}
    asked = {"network": {"qonnx": str(file(tmp_path / "a.onnx"))}} | table
    findings = try_task(build_task(TaskOptions.model_validate(options(**asked))), name="tasks.worn")
    assert findings.mistakes == []
    assert [what for what, _ in findings.notes] == ["declared", "data", "network", "scoring"]
    wide = {"network": {"qonnx": str(file(tmp_path / "b.onnx", inputs=4))}} | table
    (mistake,) = try_task(build_task(TaskOptions.model_validate(options(**wide))), name="tasks.worn").mistakes
    assert mistake.startswith("tasks.worn.network: ") and mistake.endswith("has inputs of shape 4; the task has 3")


def test_a_table_can_come_as_it_is(tmp_path):
    table = turbines()
    table.to_csv(tmp_path / "turbines.csv", index=False)
    path = {"path": str(tmp_path / "turbines.csv"), "hidden": [4]}
    task = build_task(TaskOptions.model_validate(options(**path, scale="none", missing="drop")))
    raw = task.fetch()
    splits = task.prepare(raw)
    found = torch.cat([splits[name].inputs for name in ("train", "validation", "landscape", "selection", "test")])
    rows = {tuple(row) for row in raw[["wind", "speed", "temperature"]].to_numpy("float32").tolist()}
    assert len(found) and {tuple(row) for row in found.tolist()} <= rows
    assert not splits.zero.any() and isinstance(raw, pd.DataFrame)
