"""Which file or function a network from outside is read from."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from lowland.config_errors import lines_of
from lowland.own_code import OwnCodeError, digest_of
from lowland.tasks import Samples, TaskOptions, build_task
from tests.tasks.test_network_options import options

CONVERTER = {"bits": 16, "step": 2.0**-10}
FILE = {"qonnx": "models/worn.onnx", "converter": CONVERTER}
ROWS = Samples(torch.ones(2, 3), torch.ones(2))


def test_a_file_is_a_spec_of_plain_values_with_the_shapes_of_the_task():
    asked = TaskOptions.model_validate(options(network=FILE))
    task = build_task(asked)
    spec = {
        "kind": "qonnx",
        "path": "models/worn.onnx",
        "converter": CONVERTER | {"signed": True},
        "inputs": [3],
        "outputs": 2,
    }
    assert task.network_spec() == spec == json.loads(json.dumps(task.network_spec_for(ROWS)))
    assert asked.own_code == (Path("models/worn.onnx"),) and asked.given is not None
    assert "the network is worn.onnx." in task.description
    assert TaskOptions.model_validate(asked.model_dump(mode="json")) == asked


def test_the_file_is_found_from_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv("LOWLAND_DATA", raising=False)
    found = TaskOptions.model_validate(options(network=FILE)).resolved(tmp_path)
    assert found.own_code == (tmp_path / "models/worn.onnx",)
    images = TaskOptions.model_validate(IMAGES | {"network": FILE}).resolved(tmp_path)
    assert images.own_code == (tmp_path / "models/worn.onnx",)


IMAGES = {
    "kind": "images",
    "source": "digits",
    "shift": "none",
    "train_rows": 400,
    "validation_rows": 60,
    "landscape_rows": 60,
    "test_rows": 140,
}


def test_images_have_one_too():
    task = build_task(TaskOptions.model_validate(IMAGES | {"network": {"qonnx": "worn.onnx"}}))
    assert task.network_spec() == {
        "kind": "qonnx",
        "path": "worn.onnx",
        "converter": None,
        "inputs": [1, 8, 8],
        "outputs": 10,
    }
    assert task.description.startswith("The task: ") and "the network is worn.onnx." in task.description


def test_a_function_of_ones_own_gets_its_options(package):
    package.write("theirs.nets", "def load(inputs, outputs, file='a.pt'):\n    return None\n")
    asked = options(network={"brevitas": "theirs.nets:load"}, network_options={"file": "b.pt"})
    task = build_task(TaskOptions.model_validate(asked))
    assert task.network_spec_for(ROWS) == {
        "kind": "brevitas",
        "build": "theirs.nets:load",
        "options": {"file": "b.pt"},
        "inputs": [3],
        "outputs": 2,
    }
    assert TaskOptions.model_validate(asked).own_code == ("theirs.nets:load",)


def test_another_file_is_another_digest_and_none_is_a_line(tmp_path):
    file = tmp_path / "worn.onnx"
    with pytest.raises(OwnCodeError, match=r"worn\.onnx: the file is missing; a network is read from it"):
        digest_of([file])
    file.write_bytes(b"one")
    first = digest_of([file])
    file.write_bytes(b"two")
    assert first != digest_of([file]) and len(first) == 32
    assert first == hashlib.sha256(b"worn.onnx" + b"one").hexdigest()[:32]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"network": {}}, "network: got {}; expected {qonnx: path of a file} or {brevitas: package.module:function"),
        ({"network": {"qonnx": "a.onnx", "brevitas": "a:b"}}, "expected {qonnx: path of a file} or {brevitas:"),
        ({"network": {"qonx": "a.onnx"}}, "parameter network.qonx is not known; did you mean qonnx?"),
        ({"network": {"brevitas": "no_such:load"}}, "there is no package no_such; expected it in src/"),
        ({"network": FILE, "hidden": [4]}, "hidden is [4], but network is worn.onnx; remove hidden"),
        (
            {"network": FILE, "network_options": {"a": 1}},
            "network_options are {'a': 1} with network: worn.onnx; a",
        ),
        ({"network": {"qonnx": "a.onnx", "converter": {"bits": 1, "step": 1.0}}}, "converter.bits: got 1; "),
        ({"network": "models/worn.onnx"}, "a file is {qonnx: models/worn.onnx}"),
    ],
)
def test_a_mistake_is_one_line(changes, message):
    with pytest.raises(ValidationError) as error:
        TaskOptions.model_validate(options(**changes))
    (line,) = lines_of(error.value, TaskOptions, options(**changes), None)
    assert message in line and "\n" not in line
