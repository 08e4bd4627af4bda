"""Protections and the diagnosis of a cell: what they are searched on, what is reported, where they stand."""

import json

import pytest
import torch

from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.reports import jsonable
from lowland.datasets.tables import TableDataset
from lowland.grid import grid_of
from lowland.pipelines.worst_case.diagnosis_nodes import diagnose_worst_inputs
from lowland.pipelines.worst_case.nodes import search_worst_policy
from lowland.pipelines.worst_case.protection_nodes import protect_from_policies
from lowland.pipelines.worst_case.stage import STAGE
from lowland.placing import chosen_places
from lowland.worst_case.diagnosis.options import DiagnosisOptions
from lowland.worst_case.protection.options import NAMES, ProtectionOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.pipelines.test_worst_case import (
    OPTIONS,
    PRECISIONS,
    TASK,
    cell_of,
    deployed,
    poisoned_test,
    rows,
    trained,
)
from tests.studies import default_parameters

__all__ = ["rows", "trained"]

PROTECTION = ProtectionOptions(**base("worst_case_protection", precisions="all", calibration_rows=50))
DIAGNOSIS = DiagnosisOptions(**base("worst_case_diagnosis", precisions="all"))
ATTACKS = ("no_protection", "kept_layers", "kept_layers_same_mean", *NAMES[1:])


def protected(name, splits, trained, network):
    args = (TASK, OPTIONS, PROTECTION, StoredTensors(splits.to_tensors()), PRECISIONS[name])
    return protect_from_policies(cell_of(name), *args, StoredModel(trained), StoredModel(network))


def diagnosed(name, splits, network):
    data, model = StoredTensors(splits.to_tensors()), StoredModel(network)
    _, policy, _ = search_worst_policy(cell_of(name), TASK, OPTIONS, data, model)
    return diagnose_worst_inputs(cell_of(name), TASK, OPTIONS, DIAGNOSIS, data, model, policy)


@pytest.mark.parametrize("name", PRECISIONS)
def test_every_cell_has_a_row_for_every_protection(name, rows, trained):
    network = deployed(name, trained, rows.inputs)
    frame, document = protected(name, all_in(rows, 16), trained, network)
    for measure in ("protected_drop", "protection_gain", "protection_harm"):
        here = frame[(frame.measure == measure) & (frame.split == "test")]
        assert tuple(here.target) == ATTACKS
    assert tuple(frame.loc[frame.measure == "protection_cost", "target"]) == ATTACKS
    missing = set(frame.loc[frame.status != "ok", "target"])
    assert missing == ({"equalized_channels"} if name == "ptq4" else set())
    cost = frame[frame.measure == "protection_cost"].set_index("target").value
    assert cost["kept_layers"] >= cost["kept_layers_same_mean"] >= 0
    found = json.loads(json.dumps(jsonable(document)))["protections"]
    assert tuple(found) == ATTACKS and found["kept_layers"]["tried"][0]["layers"] == []
    assert found["kept_layers"]["tried"][0]["lost"] == found["no_protection"]["searched_drop"]
    assert found["clipped_ranges"]["rows"] == 50 and len(found["clipped_ranges"]["ranges"]) == 3


@pytest.mark.parametrize("name", PRECISIONS)
def test_every_cell_is_diagnosed(name, rows, trained, tmp_path):
    frame, inputs = diagnosed(name, all_in(rows, 16), deployed(name, trained, rows.inputs))
    for split in ("selection", "test"):
        here = frame[frame.split == split]
        assert list(here.target[:3]) == ["margin", "crest", "range"]
        assert len(here) == 6 and here.target[3:].str.contains(" + ", regex=False).all()  # three layers, three pairs
    assert set(frame.measure) == {"broken_auroc", "layer_interaction"}
    assert len(inputs) == DIAGNOSIS.worst_inputs and inputs.lost.is_monotonic_decreasing
    dataset = TableDataset(filepath=str(tmp_path / "inputs.parquet"))
    dataset.save(inputs)
    read = dataset.load()
    assert read.input[0].tolist() == inputs.input[0].tolist() and read["shape"][0].tolist() == [16]


@pytest.mark.parametrize("name", ["fp32", "ptq4"])
def test_rows_that_are_reported_choose_nothing(name, rows, trained):
    splits, network = all_in(rows, 16), deployed(name, trained, rows.inputs)
    poisoned = poisoned_test(splits, rows)
    frame, document = protected(name, splits, trained, network)
    other, same = protected(name, poisoned, trained, network)
    assert same == document
    layers, others = (diagnosed(name, each, network)[0] for each in (splits, poisoned))
    for here, there in ((frame, other), (layers, others)):
        of_selection, of_test = (
            [each[each.split == split].value.fillna(-9).tolist() for each in (here, there)]
            for split in ("selection", "test")
        )
        assert of_selection[0] == of_selection[1] and of_test[0] != of_test[1]


def test_a_cell_without_a_policy_says_so(rows, trained):
    data = StoredTensors(all_in(rows, 16).to_tensors())
    broken, bare = StoredModel(trained, "non_finite"), StoredModel(torch.nn.Identity())
    for model, status in ((broken, "non_finite"), (bare, "undefined")):
        args = (TASK, OPTIONS, PROTECTION, data, PRECISIONS["fp32"], StoredModel(trained), model)
        frame, document = protect_from_policies(cell_of("fp32"), *args)
        assert frame[["measure", "status"]].values.tolist() == [["protected_drop", status]]
        assert document["status"] == status
    for policy, status in ((None, "failed"), ({"status": "undefined"}, "undefined")):
        args = (TASK, OPTIONS, DIAGNOSIS, data, broken, policy)
        frame, inputs = diagnose_worst_inputs(cell_of("fp32"), *args)
        assert frame[["measure", "status"]].values.tolist() == [["broken_auroc", status]] and not len(inputs)


@pytest.mark.parametrize("name", ["protect_from_policies", "diagnose_worst_inputs"])
def test_it_stands_where_its_selection_says(name):
    parameters = default_parameters()
    template = next(each for each in STAGE.nodes if each.name == name)
    assert not list(chosen_places(template, grid_of(parameters)))
    asked = {**parameters, template.selection: {**parameters[template.selection], "precisions": ["fp32", "qat4"]}}
    study = grid_of(asked)
    expected = [cell.id for cell in study.cells if cell.precision in ("fp32", "qat4") and cell.seed == "s0"]
    assert sorted(place.namespace for place in chosen_places(template, study)) == sorted(expected)
    off = grid_of({**asked, "worst_case": {**parameters["worst_case"], "choices": "none"}})
    assert not list(chosen_places(template, off))
