"""A cell beside its float network, and seeds beside each other."""

import copy

import pytest
import torch
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.disagreement import DisagreementOptions, detection_auroc, disagreement_rate, uncertainty
from lowland.errors import LowlandError
from lowland.grid import CellGroup, Run
from lowland.measurements import Cell
from lowland.pipelines.disagreement.nodes import (
    compare_seeds,
    compare_with_float,
)
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.randomness import generator
from lowland.tasks import Samples, halved
from lowland.tasks.econ import EconOptions
from lowland.tasks.jets import JetsOptions
from tests.base_options import base
from tests.made_splits import splits_of

SIZES = {"train_rows": 8, "validation_rows": 8, "landscape_rows": 8, "test_rows": 8}
TASK = JetsOptions(kind="jets", source="file", hidden=(4,), **SIZES)
CELL = Cell(task="jets", recipe="plain", seed="s0", precision="ptq4", method="ptq", weight_bits=4, activation_bits=4)
FLOAT = CELL.model_copy(update={"precision": "fp32", "method": "float", "weight_bits": 32, "activation_bits": 32})
RUN = Run(task="jets", recipe="plain", seed="s0", number=0)
OPTIONS = DisagreementOptions(**base("disagreement"))
RATES = {"churn", "negative_flips", "positive_flips", "wrong_to_other_wrong", "accuracy_lost", "excess_churn"}


def samples(key, count=400):
    g = generator("samples", key)
    return Samples(torch.randn(count, 16, generator=g), torch.randint(5, (count,), generator=g))


@pytest.fixture
def splits():
    return splits_of(samples("train"), samples("valid"), samples("land"), samples("held"), torch.zeros(16))


@pytest.fixture
def float_network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5)).eval()


def coarser(network):
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_((parameter * 5).round() / 5)
    return rounded


def stored(splits):
    return StoredTensors(splits.to_tensors())


def compared(cell, splits, float_network, network, options=OPTIONS, unquantized=None, **control):
    bits = {"weight_bits": cell.weight_bits, "activation_bits": cell.activation_bits}
    precision = Precision(method=cell.method, **bits, **control)
    models = StoredModel(float_network), StoredModel(network)
    return compare_with_float(cell, RUN, precision, TASK, options, stored(splits), *models, unquantized)


def test_a_cell_is_compared_with_the_float_network_of_its_run_on_both_halves(splits, float_network):
    network = coarser(float_network)
    found = compared(CELL, splits, float_network, network)
    for split in ("selection", "test"):
        rows = found[(found.split == split) & (found.target == "")].set_index("measure")
        inputs, targets = splits[split]
        with torch.no_grad():
            before, now = float_network(inputs), network(inputs)
        assert rows.value["churn"] == disagreement_rate(before, now).value > 0
        lost = (before.argmax(1) == targets).double().mean() - (now.argmax(1) == targets).double().mean()
        assert rows.value["accuracy_lost"] == pytest.approx(float(lost))
        assert set(rows.reference[list(RATES)]) == {"jets.plain.s0"}
        assert set(rows.reference_kind[list(RATES)]) == {"float"}
        areas = found[(found.split == split) & (found.measure == "detection_auroc")].set_index("target")
        expected = detection_auroc(uncertainty(now, "margin"), now.argmax(1) != before.argmax(1))
        assert (areas.value["margin"], areas.standard_error["margin"]) == (expected.value, expected.standard_error)
        assert set(areas.index) == {*OPTIONS.uncertainties, "scaled_entropy"}
        ahead = found[(found.split == split) & (found.measure == "detection_advantage")].set_index("target").value
        assert ahead["entropy"] == pytest.approx(areas.value["margin"] - areas.value["entropy"])
        assert "margin" not in ahead.index


def test_shifted_sets_are_compared_too(splits, float_network):
    splits.shifted["pileup"] = halved(samples("pileup"), key=("pileup",))
    found = compared(CELL, splits, float_network, coarser(float_network))
    there = found[(found.condition == "pileup") & (found.measure == "churn") & (found.target == "")]
    inputs = splits.shifted["pileup"].half("test").inputs
    with torch.no_grad():
        expected = disagreement_rate(float_network(inputs), coarser(float_network)(inputs))
    assert there.set_index("split").value["test"] == expected.value
    assert set(found.family) == {"disagreement"}


def test_a_float_cell_has_its_confidence_alone(splits, float_network):
    found = compared(FLOAT, splits, float_network, float_network)
    assert set(found.measure) == {"calibration_error", "brier_score", "risk_coverage_area", "temperature"}
    assert set(found.reference) == {""} and set(found.status) == {"ok"}


def test_without_scaled_measures_no_temperature_is_fitted(splits, float_network):
    options = DisagreementOptions(**base("disagreement", scaled="none", uncertainties=["entropy", "margin"]))
    found = compared(CELL, splits, float_network, coarser(float_network), options)
    assert "temperature" not in set(found.measure)
    assert set(found[found.measure == "detection_advantage"].target) == {"margin"}


def test_a_cell_that_answers_alike_has_no_disagreement_to_be_found(splits, float_network):
    found = compared(CELL, splits, float_network, copy.deepcopy(float_network))
    assert set(found[found.measure.isin(["churn", "negative_flips"])].value) == {0}
    assert set(found[found.measure.isin(["detection_auroc", "detection_advantage"])].status) == {"undefined"}


def test_seeds_are_compared_pair_by_pair(splits, float_network):
    group = CellGroup(cells=tuple(CELL.model_copy(update={"seed": seed}) for seed in ("s0", "s1", "s2")))
    models = [StoredModel(float_network), StoredModel(float_network, "non_finite"), StoredModel(coarser(float_network))]
    found = compare_seeds(group, TASK, stored(splits), *models)
    ok = found[(found.status == "ok") & (found.measure == "churn") & (found.split == "test") & (found.target == "")]
    with torch.no_grad():
        before, now = coarser(float_network)(splits["test"].inputs), float_network(splits["test"].inputs)
    assert ok.value.tolist() == [disagreement_rate(before, now).value]
    assert ok[["seed", "reference", "reference_kind"]].values.tolist() == [["s0", "jets.plain.s2.ptq4", "seed"]]
    lost = found[found.status == "non_finite"]
    assert lost[["seed", "reference", "measure"]].values.tolist() == [
        ["s0", "jets.plain.s1.ptq4", "churn"],
        ["s1", "jets.plain.s2.ptq4", "churn"],
    ]


def test_what_names_no_class_or_is_no_model_is_a_status(splits, float_network):
    broken = StoredModel(float_network, "non_finite")
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    found = compare_with_float(CELL, RUN, precision, TASK, OPTIONS, stored(splits), broken, broken)
    assert (found.measure.tolist(), found.status.tolist()) == (["all"], ["non_finite"])
    econ = EconOptions(kind="econ", source="simulated", filters=8, latent=16, shifted_rows=8, **SIZES)
    fine = StoredModel(float_network)
    found = compare_with_float(CELL, RUN, precision, econ, OPTIONS, stored(splits), fine, fine)
    assert (found.measure.tolist(), found.status.tolist()) == (["all"], ["undefined"])
    group = CellGroup(cells=(CELL, CELL.model_copy(update={"seed": "s1"})))
    assert compare_seeds(group, econ, stored(splits), fine, fine).status.tolist() == ["undefined"]


def test_a_control_is_compared_with_the_float_network_that_it_was_fine_tuned_from(splits, float_network):
    found = compared(FLOAT, splits, float_network, coarser(float_network), fine_tuned=True)
    churn = found[(found.measure == "churn") & (found.split == "test") & (found.target == "")]
    with torch.no_grad():
        outputs = [network(splits["test"].inputs) for network in (float_network, coarser(float_network))]
    assert churn.value.tolist() == [disagreement_rate(*outputs).value]
    assert churn[["reference", "reference_kind"]].values.tolist() == [["jets.plain.s0", "float"]]


def test_fine_tuned_weights_without_quantizers_are_a_reference_of_their_own(splits, float_network):
    splits.shifted["pileup"] = halved(samples("pileup"), key=("pileup",))
    with torch.no_grad():
        answers = {
            condition or "nominal": float_network(known.samples.inputs) for condition, known in splits.evaluated.items()
        }
    other = coarser(coarser(float_network))
    found = compared(CELL, splits, other, coarser(float_network), unquantized=StoredTensors(answers))
    own = found[found.reference_kind == "fake_float"]
    assert set(own.reference) == {CELL.id}
    beside = compared(CELL, splits, float_network, coarser(float_network))
    expected = beside[beside.reference_kind == "float"]  # the float network of the run is that of the answers here
    same = [name for name in found if not name.startswith("reference")]
    assert own[same].reset_index(drop=True).equals(expected[same].reset_index(drop=True))
    rest = compared(CELL, splits, other, coarser(float_network))
    assert found[found.reference_kind != "fake_float"].reset_index(drop=True).equals(rest)


@pytest.fixture(scope="module")
def integers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5)).eval()
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    return freeze(calibrate(build_quantized(network, precision, input_bits=8), samples("train").inputs))


def test_other_runtimes_are_the_noise_beside_which_changes_are_seen(splits, float_network, integers, caplog):
    pytest.importorskip("onnxruntime")
    options = DisagreementOptions(**base("disagreement", runtimes=["onnxruntime", "c"]))
    found = compared(CELL, splits, float_network, integers, options)
    floor = found[found.reference_kind == "runtime"]
    churn = floor[(floor.measure == "churn") & (floor.target == "")]
    assert churn[["reference", "split"]].values.tolist() == [
        ["onnxruntime", "selection"], ["c", "selection"], ["onnxruntime", "test"], ["c", "test"],
    ]  # fmt: skip
    assert (churn.value <= 0.01).all() and set(floor.measure) == RATES
    alone = compared(CELL, splits, float_network, integers)
    assert found[found.reference_kind != "runtime"].reset_index(drop=True).equals(alone)
    found = compared(CELL, splits, float_network, coarser(float_network), options)
    assert found[found.reference_kind == "runtime"][["measure", "status", "reference"]].values.tolist() == [
        ["churn", "undefined", "onnxruntime"],
        ["churn", "undefined", "c"],
    ]
    assert "jets.plain.s0.ptq4: c is not compared with: network is a Sequential" in caplog.text
    assert "runtime" not in set(compared(FLOAT, splits, float_network, float_network, options).reference_kind)


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (1, 5, r"logits: got shape \(400, 1\); expected \[rows, classes\], two classes or more"),
        (3, 5, "targets: got classes 0 to 4; expected 0 to 2, the outputs of the network"),
    ],
    ids=["no logits", "labels that are no classes"],
)
def test_what_cannot_be_compared_is_one_line(splits, outputs, labels, message):
    other = nn.Sequential(nn.Linear(16, outputs))
    assert int(splits["validation"].targets.max()) + 1 == labels
    with pytest.raises(LowlandError, match=message):
        compared(CELL, splits, other, other)
