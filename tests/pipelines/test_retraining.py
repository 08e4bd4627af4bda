"""A cell retrained on its disagreements: what is counted, and what retraining cannot see."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.completeness import Expected, complete
from lowland.disagreement import disagreement_rate
from lowland.expectations import everything
from lowland.grid import Run, grid_of
from lowland.measurements import Cell
from lowland.pipelines.retraining.nodes import retrain_on_disagreements
from lowland.pipelines.retraining.stage import STAGE
from lowland.placing import chosen_places
from lowland.quantization import Precision, QuantizationOptions, build_calibrated, freeze
from lowland.randomness import generator
from lowland.retraining import RetrainingOptions, measured_rows
from lowland.tasks import Samples, Splits, halved
from lowland.tasks.econ import EconOptions
from lowland.tasks.jets import JetsOptions
from lowland.training import Recipe, TrainingPlan
from tests.base_options import base
from tests.studies import default_parameters

SIZES = {"train_rows": 8, "validation_rows": 8, "landscape_rows": 8, "test_rows": 8}
TASK = JetsOptions(kind="jets", source="file", hidden=(4,), **SIZES)
CELL = Cell(task="jets", recipe="plain", seed="s0", precision="ptq3", method="ptq", weight_bits=3, activation_bits=3)
RUN = Run(task="jets", recipe="plain", seed="s0", number=0)
PLAN = {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "schedule": "constant"}
OPTIONS = RetrainingOptions(**base("retraining", precisions="all", training=PLAN))
PRECISION = Precision(method="ptq", weight_bits=3, activation_bits=3)
QUANTIZATION = QuantizationOptions(input_bits=8, calibration_rows=50)
ARMS = ("disagreements", "random")


def planned(**retraining):
    """The grid of the base study with rows for retraining, and these options."""
    parameters = copy.deepcopy(default_parameters())
    parameters["tasks"]["jets"]["retraining_rows"] = 500
    parameters["retraining"] |= retraining
    return grid_of(parameters)


def samples(key, count=300):
    g = generator("samples", key)
    return Samples(torch.randn(count, 16, generator=g), torch.randint(5, (count,), generator=g))


@pytest.fixture(scope="module")
def splits():
    sets = {name: samples(name) for name in ("train", "validation", "landscape", "retraining")}
    shifted = {"smeared": halved(samples("smeared"), key=("smeared",))}
    return Splits(sets, halved(samples("held"), key=("held",)), torch.zeros(16), shifted)


@pytest.fixture(scope="module")
def networks(splits):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5)).eval()
    return network, freeze(build_calibrated(network, PRECISION, QUANTIZATION, splits["train"].inputs))


def measured(splits, networks, *, options=OPTIONS, task=TASK, status="ok"):
    return retrain_on_disagreements(
        CELL,
        RUN,
        Recipe.model_validate({"kind": "plain"}),
        PRECISION,
        QUANTIZATION,
        TrainingPlan(**PLAN),
        options,
        "cpu",
        task,
        StoredTensors(splits.to_tensors()),
        StoredModel(networks[0]),
        StoredModel(networks[1], status),
    )


def retrained_weights(splits, networks, monkeypatch):
    """All weights and codes that both arms end with, as bytes."""
    kept, real = [], measured_rows.retrain

    def spied(*args, **options):
        found = real(*args, **options)
        states = (found.float_network.state_dict(), found.deployed.state_dict())
        kept.append([tensor.numpy().tobytes() for state in states for tensor in state.values()])
        return found

    monkeypatch.setattr(measured_rows, "retrain", spied)
    measured(splits, networks)
    monkeypatch.undo()
    assert len(kept) == len(ARMS)
    return kept


def with_held_out(held, half, **changes):
    """The set with other inputs or targets in one half."""
    mask, parts = held.halves[half], held.samples._asdict()
    for name, value in changes.items():
        parts[name] = torch.where(mask.reshape(-1, *[1] * (parts[name].ndim - 1)), value(parts[name]), parts[name])
    return replace(held, samples=Samples(**parts))


POISONS = {"inputs": {"inputs": lambda values: 3 - 2 * values}, "targets": {"targets": lambda values: (values + 1) % 5}}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_retraining_cannot_see_what_it_is_judged_on(poison, splits, networks, monkeypatch):
    clean = retrained_weights(splits, networks, monkeypatch)
    assert clean == retrained_weights(splits, networks, monkeypatch) and clean[0] != clean[1]
    judged = replace(
        splits,
        held_out=with_held_out(with_held_out(splits.held_out, "test", **poison), "selection", **poison),
        shifted={name: with_held_out(each, "test", **poison) for name, each in splits.shifted.items()},
        sets=splits.sets | {"landscape": samples("other")},
    )
    assert retrained_weights(judged, networks, monkeypatch) == clean
    pool = splits["retraining"]
    changed = Samples(**(pool._asdict() | {name: value(getattr(pool, name)) for name, value in poison.items()}))
    nominal = replace(splits, sets=splits.sets | {"retraining": changed})
    shifted = replace(splits, shifted={"smeared": with_held_out(splits.shifted["smeared"], "selection", **poison)})
    for poisoned in (nominal, shifted):
        other = retrained_weights(poisoned, networks, monkeypatch)
        assert all(mine != theirs for mine, theirs in zip(clean, other, strict=True))


def test_old_disagreements_are_the_churn_and_what_is_left_adds_up(splits, networks):
    found = measured(splits, networks)
    assert set(found.status) == {"ok"} and set(found.family) == {"disagreement"}
    assert measured(splits, networks).equals(found)
    counted = found[found.measure == "retraining_rows"]
    assert len(counted) == 1 and set(counted.split) == {"retraining"} and set(counted.reference) == {""}
    others = found[found.measure != "retraining_rows"]
    assert set(others.reference) == {"jets.plain.s0"} and set(others.reference_kind) == {"float"}
    pool = 0
    for split, condition, (inputs, targets) in (
        ("test", "", splits["test"]),
        ("test", "smeared", splits.shifted["smeared"].half("test")),
        ("retraining", "", splits["retraining"]),
        ("retraining", "smeared", splits.shifted["smeared"].half("selection")),
    ):
        here = others[(others.split == split) & (others.condition == condition)]
        with torch.no_grad():
            before = networks[0](inputs), networks[1](inputs)
        old = here[here.measure == "old_disagreements"].value.item()
        assert old == disagreement_rate(*before).value > 0
        pool += round(old * len(inputs)) if split == "retraining" else 0
        left = {}
        for arm in ARMS:
            rows = here[here.target == arm].set_index("measure")
            left[arm] = rows.value["remaining_disagreements"] + rows.value["new_disagreements"]
            assert rows.value["disagreements_removed"] == pytest.approx(old - left[arm])
            was = rows.value["retrained_accuracy"] - rows.value["retraining_gain"]
            assert was == pytest.approx(float((before[1].argmax(1) == targets).double().mean()))
            assert set(rows.num_samples) == {len(inputs)}
        ahead = here[here.measure == "retraining_advantage"].value.item()
        assert ahead == pytest.approx(left["random"] - left["disagreements"])
    assert (counted.value.item(), counted.num_samples.item()) == (pool, 450)


def test_rows_at_most_are_added(splits, networks):
    found = measured(splits, networks, options=OPTIONS.model_copy(update={"most_rows": 7}))
    assert found[found.measure == "retraining_rows"].value.item() == 7


def test_without_a_disagreement_nothing_is_retrained(splits, networks):
    found = measured(splits, (networks[0], networks[0]))
    values = found.set_index("measure")
    assert values.value["retraining_rows"] == 0 and values.status["retraining_rows"] == "ok"
    assert set(values.value["old_disagreements"]) == {0.0} and set(values.status["old_disagreements"]) == {"ok"}
    assert set(found[found.target != ""].status) == {"undefined"} and len(found) == 1 + 4 * (1 + 2 * 5 + 1)


@pytest.mark.parametrize("changed", ["regression", "no pool", "diverged"])
def test_where_there_is_nothing_to_retrain_one_row_says_so(changed, splits, networks):
    task, status = TASK, "ok"
    if changed == "regression":
        task = EconOptions(kind="econ", shifted_rows=9, filters=8, latent=16, source="simulated", **SIZES)
    if changed == "no pool":
        splits = replace(splits, sets={name: rows for name, rows in splits.sets.items() if name != "retraining"})
    if changed == "diverged":
        status = "non_finite"
    found = measured(splits, networks, task=task, status=status)
    expected = "non_finite" if changed == "diverged" else "undefined"
    assert list(found.measure) == ["retraining_rows"] and list(found.status) == [expected]


def test_a_retraining_that_diverges_costs_what_comes_of_it_alone(splits, networks):
    wild = OPTIONS.training.model_copy(update={"learning_rate": 1e30})
    found = measured(splits, networks, options=OPTIONS.model_copy(update={"training": wild}))
    assert set(found[found.target == ""].status) == {"ok"}
    assert set(found[found.target != ""].status) == {"non_finite"}


def test_outputs_that_are_not_finite_are_told(splits, networks):
    lost = freeze(build_calibrated(networks[0], PRECISION, QUANTIZATION, splits["train"].inputs))

    class Broken(nn.Module):
        def forward(self, inputs):
            return lost(inputs) * math.inf

    found = measured(splits, (networks[0], Broken()))
    assert set(found.status) == {"non_finite"}


def test_quantized_cells_that_are_selected_are_retrained_and_missed_where_they_were_not():
    assert not chosen_places(STAGE.nodes[0], planned())
    study = planned(precisions=["ptq4", "qat8"], seeds=1)
    places = [place.namespace for place in chosen_places(STAGE.nodes[0], study)]
    assert places == [f"jets.{recipe}.s0.{precision}" for recipe in study.recipes for precision in ("qat8", "ptq4")]
    (wanted,) = everything([STAGE], study)["rows"]
    assert (wanted["family"], wanted["measure"], wanted["cells"]) == ("disagreement", "retraining_rows", places)


def test_what_is_missing_is_told_and_what_was_measured_is_found(splits, networks):
    found = measured(splits, networks)
    wanted = [Expected(CELL, "disagreement", "retraining_rows")]
    assert len(complete(found, wanted)) == len(found)
    other = complete(found[found.measure != "retraining_rows"], wanted)
    assert list(other[other.status == "failed"].measure) == ["retraining_rows"]
