"""The worst policy of a cell: what is searched on what, and what is reported."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.reports import jsonable
from lowland.expectations import everything
from lowland.grid import grid_of
from lowland.measurements import Cell
from lowland.pipelines.worst_case.nodes import search_worst_policy, search_worst_policy_and_rescale
from lowland.pipelines.worst_case.stage import STAGE
from lowland.placing import chosen_places
from lowland.quantization import (
    Precision,
    QuantizationOptions,
    build_calibrated,
    freeze,
    quantize_dynamically,
)
from lowland.randomness import generator
from lowland.tasks import Samples, Splits, build_task, halved
from lowland.tasks.econ import EconOptions
from lowland.tasks.jets import JetsOptions
from lowland.worst_case import policy_from_spec, subject_of
from lowland.worst_case.options import WorstCaseOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.studies import default_parameters

SIZES = {"train_rows": 80, "validation_rows": 80, "landscape_rows": 80, "test_rows": 80}
TASK = JetsOptions(kind="jets", source="file", hidden=(16, 8), **SIZES)
OPTIONS = WorstCaseOptions(**base("worst_case", rows=200))
OF_ALL = {"policy_drop", "policy_broken", "layer_drop", "activation_crest"}
PRECISIONS = {
    "fp32": Precision(method="float", weight_bits=32, activation_bits=32),
    "dyn8": Precision(method="dynamic", weight_bits=8, activation_bits=8),
    "dyn8_batch": Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime", batch_rows=50),
    "w4": Precision(method="weight_only", weight_bits=4, activation_bits=32, min_elements=1),
    "ptq4": Precision(method="ptq", weight_bits=4, activation_bits=4),
}
METHODS = {"float": True, "dynamic": True, "weight_only": False, "ptq": False}


def cell_of(name, task="jets"):
    options = PRECISIONS[name].model_dump(include={"method", "weight_bits", "activation_bits"})
    return Cell(task=task, recipe="plain", seed="s0", precision=name, **options)


@pytest.fixture(scope="module")
def rows():
    targets = torch.arange(400) % 5
    source = generator("rows of five classes")
    return Samples(torch.randn(5, 16, generator=source)[targets] + torch.randn(400, 16, generator=source), targets)


@pytest.fixture(scope="module")
def trained(rows):
    network = initialised_network(build_task(TASK).network_spec(), key=("toy",))
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(rows.inputs), rows.targets).backward()
        optimizer.step()
    return network.eval()


def deployed(name, network, inputs, float_from=None):
    precision = PRECISIONS[name]
    if precision.method == "float":
        return network
    if precision.method == "ptq":
        how = QuantizationOptions(input_bits=8, calibration_rows=50)
        return freeze(build_calibrated(network, precision, how, inputs, float_from=float_from).eval())
    return quantize_dynamically(network, precision, float_from=float_from)


def measured(name, splits, trained, task=TASK, network=None):
    data = StoredTensors(splits.to_tensors())
    model = StoredModel(network or deployed(name, trained, splits["train"].inputs, build_task(task).float_from))
    cell = cell_of(name, task.kind)
    if METHODS[PRECISIONS[name].method]:
        args = (PRECISIONS[name], task, OPTIONS, data, StoredModel(trained), model)
        return search_worst_policy_and_rescale(cell, *args)
    return search_worst_policy(cell, task, OPTIONS, data, model)


@pytest.mark.parametrize("name", PRECISIONS)
def test_every_cell_has_its_rows_on_both_halves(name, rows, trained):
    frame, document, picture = measured(name, all_in(rows, 16), trained)
    wanted = OF_ALL | ({"rescaled_drop", "equalized_drop"} if METHODS[PRECISIONS[name].method] else set())
    for split in ("selection", "test"):
        here = frame[frame.split == split]
        assert set(here.measure) == wanted and len(here[here.measure == "layer_drop"]) == 3
    assert set(frame.status) == {"ok"} and set(frame.family) == {"worst_case"}
    units = dict(zip(frame.measure, frame.level_unit, strict=True))
    assert units["policy_drop"] == "mean bits" and units["layer_drop"] == "bits"
    stored = json.loads(json.dumps(jsonable(document)))
    policy = policy_from_spec(stored["policy"])
    assert list(policy.bits) == list(dict.fromkeys(frame[frame.measure == "layer_drop"].target))
    assert max(each["drop"] for each in stored["search"]["history"]) == stored["search"]["drop"] > 0
    assert picture.best.iloc[-1] == picture["drop"].max() == document["search"]["drop"]
    found = picture[picture["drop"] == picture.best.iloc[-1]].widths.tolist()
    assert " ".join(map(str, policy.widths)) in found and picture.layers[0].split() == list(policy.bits)


def test_scales_drowned_on_purpose_cost_a_dynamic_network_more_than_its_worst_policy_may(rows, trained):
    frame, *_ = measured("dyn8", all_in(rows, 16), trained)
    assert frame.loc[(frame.measure == "rescaled_drop") & (frame.split == "test"), "value"].item() > 0.1


@pytest.mark.parametrize("name", ["fp32", "ptq4"])
def test_rows_that_are_reported_are_not_searched_on(name, rows, trained):
    splits = all_in(rows, 16)
    poisoned = poisoned_test(splits, rows)
    network = deployed(name, trained, rows.inputs)
    frame, document, _ = measured(name, splits, trained, network=network)
    other, same, _ = measured(name, poisoned, trained, network=network)
    assert same == document
    for split in ("selection", "test"):
        here, there = (each[each.split == split].value.tolist() for each in (frame, other))
        assert (here == there) == (split == "selection")


def test_shifted_sets_meet_the_policy_that_was_searched_on_nominal_rows(rows, trained):
    far = Samples(rows.inputs + 1, rows.targets)
    splits = replace(all_in(rows, 16), shifted={"far": halved(far, key=("far",)), "same": all_in(rows, 16).held_out})
    options = OPTIONS.model_copy(update={"shifted": True})
    data, model = StoredTensors(splits.to_tensors()), StoredModel(deployed("ptq4", trained, rows.inputs))
    plain, policy, _ = search_worst_policy(cell_of("ptq4"), TASK, OPTIONS, data, model)
    frame, same, _ = search_worst_policy(cell_of("ptq4"), TASK, options, data, model)
    assert same == policy
    of_shift = frame.measure == "shifted_policy_drop"
    pd.testing.assert_frame_equal(frame[~of_shift].reset_index(drop=True), plain)
    found = frame[of_shift].set_index(["condition", "split"]).value
    assert set(frame[of_shift].level) == {5.0} and set(frame[of_shift].level_unit) == {"mean bits"}
    subject = subject_of(model.network, rows.inputs[:1], runtime=OPTIONS.runtime)
    widths = policy_from_spec(policy["policy"])
    for half in ("selection", "test"):
        there = splits.shifted["far"].half(half)
        right = [
            (subject(there.inputs, chooser).argmax(1) == there.targets).double().mean()
            for chooser in (None, widths.chooser())
        ]
        assert found["far", half] == pytest.approx(float(right[0] - right[1]))
        nominal = plain[(plain.measure == "policy_drop") & (plain.split == half)].value.item()
        assert found["same", half] == nominal


def poisoned_test(splits, rows):
    """The same splits with far inputs and wrong classes in the test rows."""
    halves = splits.held_out.halves
    spoiled = rows.inputs.where(~halves["test"][:, None], 1e6 * torch.ones(16))
    targets = rows.targets.where(~halves["test"], 4 - rows.targets)
    held_out = replace(splits.held_out, samples=Samples(spoiled, targets))
    return Splits({name: splits[name] for name in ("train", "validation", "landscape")}, held_out, torch.zeros(16))


@pytest.mark.parametrize("name", ["fp32", "ptq4", "w4"])
def test_of_an_autoencoder_the_deployed_layers_alone_are_under_a_policy_and_the_score_says_what_is_lost(name):
    task = EconOptions(kind="econ", source="simulated", filters=2, latent=4, shifted_rows=8, **SIZES)
    source = generator("wafers")
    images = torch.rand(60, 1, 8, 8, generator=source)
    spec = build_task(task).network_spec()
    network = initialised_network(spec, key=("wafers",)).eval()
    splits = all_in(Samples(images, torch.rand(60, 48, generator=source) + 0.1), (1, 8, 8))
    frame, *_ = measured(name, splits, network, task)
    layers = frame.loc[frame.measure == "layer_drop", "target"].unique()
    assert len(layers) == 2 and all("encoder" in layer for layer in layers)
    assert frame.loc[frame.measure == "policy_drop", "status"].tolist() == ["ok", "ok"]


def test_a_network_that_did_not_train_or_has_no_such_layer_says_so(rows, trained):
    data = StoredTensors(all_in(rows, 16).to_tensors())
    frame, document, _ = search_worst_policy(cell_of("ptq4"), TASK, OPTIONS, data, StoredModel(trained, "non_finite"))
    assert frame[["measure", "status"]].values.tolist() == [["all", "non_finite"]]
    assert document["status"] == "non_finite"
    bare = StoredModel(torch.nn.Identity())
    frame, document, _ = search_worst_policy_and_rescale(
        cell_of("fp32"), PRECISIONS["fp32"], TASK, OPTIONS, data, bare, bare
    )
    assert frame[["measure", "status"]].values.tolist() == [["all", "undefined"]]


def test_it_stands_at_every_cell_and_is_missed_there_unless_it_is_switched_off():
    parameters = default_parameters()
    study = grid_of(parameters)
    places = [place for template in STAGE.nodes for place in chosen_places(template, study)]
    assert sorted(place.namespace for place in places) == sorted(cell.id for cell in study.cells)
    wanted = [rows for rows in everything([STAGE], study)["rows"] if rows["family"] == "worst_case"]
    assert sorted(cell for rows in wanted for cell in rows["cells"]) == sorted(cell.id for cell in study.cells)
    off = grid_of({**parameters, "worst_case": {**parameters["worst_case"], "choices": "none"}})
    assert not any(chosen_places(template, off) for template in STAGE.nodes)
