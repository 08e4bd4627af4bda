import struct

import pytest
import torch
from kedro.io import DatasetError
from safetensors import safe_open
from safetensors.torch import save_file

from lowland.architectures import MLP, build_network
from lowland.artifacts import StoredModel
from lowland.datasets import ModelDataset, TensorsDataset
from lowland.own_code import custom_spec
from tests.datasets.cases import SPEC, model, tensors


@pytest.fixture
def stored(tmp_path):
    data = ModelDataset(filepath=str(tmp_path / "model.safetensors"))
    data.save(model())
    return data


def test_a_model_comes_back_as_it_was(stored):
    before, after = model(), stored.load()
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert after.status == "non_finite"
    assert (after.preprocessing, after.identity, after.score) == (before.preprocessing, before.identity, before.score)
    assert isinstance(after.network, MLP)
    assert after.network.spec == SPEC
    assert not after.network.training
    assert torch.equal(after.network(inputs), before.network(inputs))
    assert all(p.requires_grad for p in after.network.parameters())


def test_loading_leaves_the_global_random_numbers_alone(stored):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    stored.load()
    assert torch.equal(torch.rand(1), expected)


def test_saving_leaves_the_network_as_it_came(tmp_path):
    before = model()
    before.network.train()
    ModelDataset(filepath=str(tmp_path / "a.safetensors")).save(before)
    assert before.network.training
    assert all(p.grad is None and p.requires_grad for p in before.network.parameters())


def test_tensors_come_back_with_type_and_shape(tmp_path):
    data = TensorsDataset(filepath=str(tmp_path / "a.safetensors"))
    data.save(tensors())
    after = data.load()
    assert after.facts == {"names": ["a"]}
    assert after.tensors.keys() == tensors().tensors.keys()
    for name, tensor in tensors().tensors.items():
        assert after.tensors[name].dtype == tensor.dtype
        assert torch.equal(after.tensors[name], tensor)


def test_facts_may_hold_what_is_not_a_number(tmp_path):
    data = TensorsDataset(filepath=str(tmp_path / "a.safetensors"))
    data.save(type(tensors())({"x": torch.zeros(1)}, {"loss": float("nan")}))
    assert data.load().facts["loss"] != data.load().facts["loss"]
    assert '"loss": null' in data.preview()


def test_the_header_is_strict_json_whatever_was_measured(tmp_path):
    path = tmp_path / "model.safetensors"
    ModelDataset(filepath=str(path)).save(StoredModel(model().network, score={"value": float("nan")}))
    with safe_open(path, framework="np") as file:
        text = file.metadata()["lowland"]
    assert '"value": null' in text and '"format": 1' in text and "NaN" not in text


@pytest.mark.parametrize("change", ["foreign", "format", "status", "kind", "missing", "header"])
def test_another_file_is_refused_in_one_line(stored, change):
    path, network = stored._filepath, model().network
    if change == "foreign":
        save_file({"a": torch.zeros(1)}, path)
    elif change == "format":  # as versions wrote it that told less
        save_file(network.state_dict(), path, metadata={"lowland": '{"spec": {}, "status": "ok"}'})
    elif change == "status":
        stored.save(StoredModel(network, "fine"))
    elif change == "kind":
        network.spec = {"kind": "transformer"}
        stored.save(StoredModel(network))
    elif change == "missing":
        network.spec = SPEC | {"hidden": [3]}
        stored.save(StoredModel(network))
    else:
        path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(DatasetError, match=f"{path} cannot be read as a safetensors file of lowland") as caught:
        stored.load()
    assert "\n" not in str(caught.value)


def test_a_network_of_a_users_own_comes_back_while_its_package_is_there(package, tmp_path):
    package.write("theirs", "from torch import nn\n\ndef build(i, o, bias): return nn.Linear(i[0], o, bias=bias)\n")
    spec = custom_spec("theirs:build", inputs=(4,), outputs=2, bias=False)
    data = ModelDataset(filepath=str(tmp_path / "own.safetensors"))
    network = build_network(spec)
    data.save(StoredModel(network, "ok"))
    package.forget("theirs")
    after = data.load().network
    assert after.spec == spec and after.bias is None and torch.equal(after.weight, network.weight)
    (package.folder / "theirs.py").unlink()
    package.forget("theirs")
    with pytest.raises(DatasetError) as error:
        data.load()
    expected = "own.safetensors needs code of yours: there is no package theirs; expected it in src/"
    assert expected in str(error.value) and "\n" not in str(error.value) and "delete" not in str(error.value)
