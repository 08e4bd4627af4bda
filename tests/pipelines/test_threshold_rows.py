"""Rows on which thresholds of abstention are proved do nothing else: poisoned, they change thresholds alone."""

import math

import pytest
import torch

from lowland.artifacts import StoredTensors
from lowland.disagreement import DisagreementOptions
from lowland.grid import Run
from lowland.landscape import LandscapeOptions
from lowland.measurements import Cell
from lowland.perturbation import AttackOptions, InputNoiseOptions
from lowland.pipelines.disagreement.nodes import compare_with_float
from lowland.pipelines.landscape.nodes import measure_cell
from lowland.pipelines.perturbation.nodes import under_attack, under_noise
from lowland.pipelines.quantization.nodes import deploy_float, fine_tune_quantized, quantize_after_training
from lowland.pipelines.training.nodes import train_float
from lowland.quantization import Precision, QuantizationOptions
from lowland.randomness import generator
from lowland.robustness import HalfLifeOptions
from lowland.tasks import Samples, Splits
from lowland.tasks.jets import JetsOptions
from lowland.training import Recipe, TrainingPlan
from tests.base_options import base
from tests.made_splits import splits_of

SIZES = {"train_rows": 1, "validation_rows": 1, "landscape_rows": 1, "test_rows": 1}
TASK = JetsOptions(kind="jets", source="file", hidden=(12,), threshold_rows=1, **SIZES)
RUN = Run(task="jets", recipe="plain", seed="s0", number=0)
CELL = Cell(task="jets", recipe="plain", seed="s0", precision="ptq4", method="ptq", weight_bits=4, activation_bits=4)
PTQ = Precision(method="ptq", weight_bits=4, activation_bits=4)
PLAN = TrainingPlan(epochs=12, batch_size=32, learning_rate=0.03, schedule="cosine")
OPTIONS = DisagreementOptions(**base("disagreement", abstention_risks=[0.4]))
ABSTENTION = ["abstention_threshold", "answered_share", "risk_among_answered"]


def samples(key, count=300):
    g = generator("threshold rows", key)
    inputs = torch.randn(count, 16, generator=g)
    return Samples(inputs, (3 * inputs[:, :5] + torch.randn(count, 5, generator=g)).argmax(1))


def data(threshold):
    splits = splits_of(*(samples(key) for key in ("train", "validation", "landscape", "held out")), torch.zeros(16))
    sets = splits.sets if threshold is None else splits.sets | {"threshold": threshold}
    return StoredTensors(Splits(sets, splits.held_out, splits.zero).to_tensors())


def studied(data):
    """All that a study makes of one run and that reads its sets."""
    recipe = Recipe.model_validate({"kind": "plain"})
    options = QuantizationOptions(input_bits=8, calibration_rows=100)
    trained, curves = train_float(RUN, TASK, recipe, PLAN, "cpu", data)
    ptq = quantize_after_training(CELL, PTQ, options, TASK, data, trained)
    precision = Precision(method="qat", weight_bits=4, activation_bits=4)
    qat = fine_tune_quantized(CELL, RUN, recipe, precision, options, PLAN, "cpu", TASK, data, trained)
    half_life = HalfLifeOptions(**base("half_life"))
    frames = {
        "curves": curves,
        "float": deploy_float(CELL, TASK, data, trained)[1],
        "ptq": ptq[1],
        "qat": qat[-1],
        "noise": under_noise(CELL, TASK, InputNoiseOptions(**base("input_noise")), half_life, data, ptq[0]),
        "attack": under_attack(CELL, TASK, AttackOptions(**base("attacks")), half_life, data, ptq[0]),
        "landscape": measure_cell(CELL, TASK, LandscapeOptions(**base("landscape")), data, ptq[0]),
        "disagreement": compare_with_float(CELL, RUN, PTQ, TASK, OPTIONS, data, trained, ptq[0]),
    }
    networks = [model.network.state_dict() for model in (trained, ptq[0], qat[0])]
    return frames, networks


@pytest.fixture(scope="module")
def fine():
    return studied(data(samples("threshold")))


@pytest.mark.parametrize("poison", ["other rows", "no numbers", "none at all"])
def test_poisoned_they_change_nothing_but_abstention(fine, poison):
    known = samples("threshold")
    threshold = {
        "other rows": Samples(100 * known.inputs + 7, (known.targets + 1) % 5),
        "no numbers": Samples(torch.full_like(known.inputs, math.nan), known.targets),
        "none at all": None,
    }[poison]
    (frames, networks), (poisoned, others) = fine, studied(data(threshold))
    for network, other in zip(networks, others, strict=True):
        assert all(torch.equal(tensor, other[name]) for name, tensor in network.items())
    for name, frame in frames.items():
        left, right = (each[~each.get("measure", each.index).isin(ABSTENTION)] for each in (frame, poisoned[name]))
        assert left.reset_index(drop=True).equals(right.reset_index(drop=True)), name
        assert (len(left) < len(frame)) == (name == "disagreement")
    found = poisoned["disagreement"][lambda rows: rows.measure.isin(ABSTENTION)]
    statuses = {"other rows": {"undefined"}, "no numbers": {"non_finite"}, "none at all": set()}[poison]
    assert statuses <= set(found.status) and bool(len(found)) == (threshold is not None)


def test_abstention_is_of_both_risks_on_every_set_that_is_evaluated(fine):
    rows = fine[0]["disagreement"][lambda rows: rows.measure.isin(ABSTENTION)]
    assert set(rows.status) == {"ok"} and set(rows.level) == {0.4} and set(rows.level_unit) == {""}
    assert sorted(zip(rows.measure, rows.split, rows.reference_kind, strict=True)) == sorted(
        (measure, split, kind)
        for kind in ("", "float")
        for measure, splits in zip(ABSTENTION, (("threshold",), *[("selection", "test")] * 2), strict=True)
        for split in splits
    )
