"""The perturbation nodes on small networks: what is measured, and against what."""

import pandas as pd
import pytest
import torch
from torch import nn

from lowland.architectures import build_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.faults import FlipMapOptions, MemoryFaultOptions, fault_series
from lowland.measurements import KEYS, Cell
from lowland.perturbation import (
    AttackOptions,
    ImageCorruptionOptions,
    InputNoiseOptions,
    SensorFaultOptions,
    corrupt,
)
from lowland.pipelines.perturbation.nodes import map_flips, under_label_shift
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.randomness import generator
from lowland.robustness import HalfLifeOptions, bit_flips
from lowland.robustness.label_shift import LabelShiftOptions
from lowland.tasks import Samples, build_task
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.jets import Jets, JetsOptions
from tests.made_splits import splits_of
from tests.pipelines.disturbing import disturb

TASK = JetsOptions(
    kind="jets", source="file", train_rows=8, validation_rows=8, landscape_rows=8, test_rows=8, hidden=(8,)
)
NOISE = InputNoiseOptions(kinds=("gaussian",), levels=(50, 10), draws=2)
SENSORS = SensorFaultOptions(levels={"gain_drift": (10, 50), "requantization": (1, 6)}, draws=2)
SPOILED = ImageCorruptionOptions(kinds=("gaussian_blur", "translation"), severities=(5, 1), draws=2)
ATTACKS = AttackOptions(kinds=("fgsm", "pgd"), norms=("linf",), levels=(0.1, 1.0), num_steps=3, num_restarts=1)
CODES = {"counts": (1, 20), "bit_error_rates": (0.1,), "draws": 2}
RARE = {"bit_error_rates": (1e-9, 0.3)}
OTHERS = {"activations": RARE, "scales": RARE | {"draws": 2}}
FAULTS = MemoryFaultOptions(encoding="twos_complement", codes=CODES, **OTHERS)
HALFWAY = HalfLifeOptions(floor="halfway")
NO_SENSORS, NO_PICTURES, NO_ATTACKS = (
    options.model_validate("none") for options in (SensorFaultOptions, ImageCorruptionOptions, AttackOptions)
)
MAP = FlipMapOptions(
    precisions="all",
    seeds="all",
    rows=30,
    recall_counts=(5,),
    bit_error_rate=1e-3,
    tolerated_drop=0.01,
    simulation_draws=3,
    search_flips=1,
)


def cell(precision, bits):
    return Cell(
        task="jets",
        recipe="plain",
        seed="s0",
        precision=precision,
        method="float" if precision == "fp32" else "ptq",
        weight_bits=bits,
        activation_bits=bits,
    )


@pytest.fixture(scope="module")
def subject():
    """Rows of five separable classes, and a network that tells them apart."""
    source = torch.Generator().manual_seed(0)
    targets = torch.arange(400) % 5
    centres = torch.randn(5, 16, generator=source)
    inputs = centres[targets] + 0.7 * torch.randn(400, 16, generator=source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5))
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(80):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), targets).backward()
        optimizer.step()
    rows = Samples(inputs, targets)
    splits = splits_of(
        rows, rows, Samples(inputs[200:], targets[200:]), Samples(inputs[:200], targets[:200]), torch.zeros(16)
    )
    twin = build_quantized(network, Precision(method="ptq", weight_bits=4, activation_bits=4), input_bits=8)
    calibrate(twin, inputs)
    return StoredTensors(splits.to_tensors()), StoredModel(network.eval()), StoredModel(freeze(twin))


def disturbed(cell, data, model):
    return disturb(cell, TASK, NOISE, SENSORS, SPOILED, ATTACKS, FAULTS, HALFWAY, data, model)


@pytest.fixture(scope="module")
def rows(subject):
    data, _, deployed = subject
    return disturbed(cell("ptq4", 4), data, deployed)


def test_no_flip_hits_what_the_task_leaves_in_float(subject, monkeypatch):
    data, trained, _ = subject
    seen = []

    def noting(network, options, **given):
        for series in fault_series(network, options, **given):
            seen.extend(draw(level) for draw in series.draws for level in series.levels)
            yield series

    monkeypatch.setattr(bit_flips, "fault_series", noting)
    monkeypatch.setattr(Jets, "float_from", "2")
    disturbed(cell("fp32", 32), data, trained)
    assert seen and all(torch.equal(n[2].weight, trained.network[2].weight) for n in seen)
    assert any(not torch.equal(n[0].weight, trained.network[0].weight) for n in seen)


def value(rows, measure, condition, level=None, split="test"):
    chosen = rows[(rows.measure == measure) & (rows.condition == condition) & (rows.split == split)]
    chosen = chosen[chosen.target != "scales"]
    chosen = chosen if level is None else chosen[chosen.level == level]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_every_family_is_measured_at_every_level(rows):
    accuracy = rows[rows.measure == "accuracy"]
    expected = {
        ("noise", "gaussian", ""): [10, 50],
        ("sensor_fault", "gain_drift", ""): [10, 50],
        ("sensor_fault", "requantization", ""): [6, 1],
        ("adversarial", "fgsm_linf", ""): [0.1, 1.0],
        ("adversarial", "pgd_linf", ""): [0.1, 1.0],
        ("bit_flip", "flips", ""): [1, 20],
        ("bit_flip", "bit_error_rate", ""): [0.1],
        ("bit_flip", "transient_bit_error_rate", "activations"): [1e-9, 0.3],
        ("bit_flip", "bit_error_rate", "scales"): [1e-9, 0.3],
    }
    for half in ("selection", "test"):
        here = accuracy[accuracy.split == half].groupby(["family", "condition", "target"])
        assert {key: list(group.level) for key, group in here} == expected
    assert not rows.duplicated(list(KEYS)).any()


def test_label_shift_leaves_out_rows_of_the_same_evaluation(subject):
    data, _, deployed = subject
    options = LabelShiftOptions(ratios=(5, 1), draws=3)
    found = under_label_shift(cell("ptq4", 4), TASK, options, HALFWAY, data, deployed)
    assert set(found.family) == {"shift"} and set(found.level_unit) == {"class ratio"}
    assert not found.duplicated(list(KEYS)).any() and (found.status == "ok").all()
    clean, shifted = (value(found, "accuracy", "label_shift", level) for level in (1, 5))
    assert clean.num_samples == shifted.num_samples == 3 and abs(clean.value - shifted.value) < 0.2
    lost = StoredModel(deployed.network, status="non_finite")
    (row,) = under_label_shift(cell("ptq4", 4), TASK, options, HALFWAY, data, lost).itertuples()
    assert (row.family, row.measure, row.condition, row.status) == ("shift", "all", "label_shift", "non_finite")


def test_float_networks_have_words_instead_of_codes(subject):
    data, model, _ = subject
    found = disturbed(cell("fp32", 32), data, model)
    flipped = found[found.family == "bit_flip"]
    assert set(flipped.condition) == {"flips", "bit_error_rate"} and set(flipped.target) == {"float32"}


def test_what_chance_has_no_part_in_has_the_errors_of_its_rows(rows):
    for condition in ("requantization", "fgsm_linf", "pgd_linf", "transient_bit_error_rate"):
        chosen = rows[(rows.measure == "accuracy") & (rows.condition == condition)]
        assert set(chosen.num_samples) == {100} and set(chosen.status) == {"ok"}
    assert value(rows, "accuracy", "gain_drift", 10).num_samples == 2


def test_transient_flips_that_do_not_happen_change_nothing(rows):
    """Their clean answer is that of the integers, so that roundings of the replayed floats count for nothing."""
    assert value(rows, "loss_rise", "transient_bit_error_rate", 1e-9).value == 0
    assert value(rows, "mismatch_rate", "transient_bit_error_rate", 1e-9).value == 0
    assert value(rows, "loss_rise", "transient_bit_error_rate", 0.3).value > 0


def test_a_better_attack_hurts_more(rows):
    assert value(rows, "loss_rise", "pgd_linf", 1.0).value >= value(rows, "loss_rise", "fgsm_linf", 1.0).value > 0


def test_every_curve_has_a_half_life(rows, subject):
    found = rows[(rows.measure == "half_life") & (rows.split == "test")]
    scored = rows[(rows.measure == "accuracy") & (rows.split == "test")]
    conditions = set(zip(scored.condition, scored.target, strict=True))
    assert set(zip(found.condition, found.target, strict=True)) == conditions and len(found) == len(conditions)
    attacked = value(rows, "half_life", "pgd_linf")
    assert attacked.status == "ok" and 0 < attacked.value < 1.0 and attacked.standard_error > 0
    converter = value(rows, "half_life", "requantization")
    assert converter.status in ("ok", "not_converged") and 1 <= converter.value <= 6


def test_one_level_is_milder_than_nothing_only_of_a_converter(subject):
    """Fewer bits are worse: with a single level there is nothing to interpolate towards, least of all 0 bits."""
    data, _, deployed = subject
    sensors = SensorFaultOptions(levels={"gain_drift": (200,), "requantization": (1,)}, draws=2)
    floor = HalfLifeOptions(floor=0.9)
    found = disturb(cell("ptq4", 4), TASK, NOISE, sensors, SPOILED, NO_ATTACKS, FAULTS, floor, data, deployed)
    lives = found[(found.measure == "half_life") & (found.family == "sensor_fault")]
    assert list(lives.condition) == ["gain_drift"] * 2 and 0 < lives.value.min() < 200


def test_half_lives_of_rates_do_not_depend_on_the_span_of_the_levels(subject):
    data, _, deployed = subject
    lives = []
    for rates in ((1e-3, 1e-2, 3e-1), (1e-2, 3e-1)):
        codes = {"bit_error_rates": rates, "draws": 2}
        faults = MemoryFaultOptions(encoding="twos_complement", codes=codes, **OTHERS)
        none = NO_SENSORS, SPOILED, NO_ATTACKS
        found = disturb(cell("ptq4", 4), TASK, NOISE, *none, faults, HALFWAY, data, deployed)
        lives.append(value(found, "half_life", "bit_error_rate"))
    assert lives[0].status == lives[1].status == "ok" and lives[0].value == pytest.approx(lives[1].value)


def test_attacks_say_how_many_rows_they_could_not_see(rows):
    assert 0 <= value(rows, "blind_rate", "pgd_linf", 0.1).value < 0.5


def test_without_sensors_and_attacks_there_are_no_such_rows(subject):
    data, _, deployed = subject
    none = NO_SENSORS, NO_PICTURES, NO_ATTACKS
    flips = MemoryFaultOptions(encoding="twos_complement", codes=CODES)
    found = disturb(cell("ptq4", 4), TASK, NOISE, *none, flips, HalfLifeOptions(floor=0.5), data, deployed)
    assert set(found.family) == {"noise", "bit_flip"}
    none = *none, MemoryFaultOptions.model_validate("none")
    assert set(disturb(cell("ptq4", 4), TASK, NOISE, *none, HALFWAY, data, deployed).family) == {"noise"}


@pytest.fixture(scope="module")
def pictured():
    """A small untrained network that reads frames, and the corrupted rows of its cell."""
    task = FusionOptions(
        kind="fusion",
        source="simulated",
        train_rows=40,
        validation_rows=4,
        landscape_rows=4,
        test_rows=30,
        shifted_rows=4,
        channels=(2, 2, 2),
        hidden=(4,),
    )
    problem = build_task(task)
    splits = problem.prepare(problem.fetch())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(problem.network_spec()).eval()
    fp32 = Cell(
        task="frames", recipe="plain", seed="s0", precision="fp32", method="float", weight_bits=32, activation_bits=32
    )
    none = NO_SENSORS, SPOILED, NO_ATTACKS
    flips = MemoryFaultOptions(encoding="twos_complement", codes={"counts": (1,), "draws": 2})
    data, model = StoredTensors(splits.to_tensors()), StoredModel(network)
    found = disturb(fp32, task, NOISE, *none, flips, HALFWAY, data, model)
    return problem, splits, network, found[found.family == "image_corruption"]


def test_pictures_are_spoiled_at_every_severity(pictured):
    rows = pictured[-1]
    scores = rows[(rows.measure == "vector_error") & (rows.split == "test")]
    assert list(zip(scores.condition, scores.level, strict=True)) == [
        ("gaussian_blur", 1),
        ("gaussian_blur", 5),
        ("translation", 1),
        ("translation", 5),
    ]
    # what chance has no part in has the errors of its rows
    assert scores.num_samples.tolist() == [15, 15, 2, 2]
    assert set(rows.condition[rows.measure == "half_life"]) == {"gaussian_blur", "translation"}


def test_spoiled_pictures_are_those_of_the_library(pictured):
    problem, splits, network, rows = pictured
    frames, modes = splits.held_out.samples
    mask = splits.held_out.halves["test"]
    draws = [
        corrupt(frames, "translation", severity=5, generator=generator("frames", "translation", number))
        for number in range(2)
    ]
    with torch.no_grad():
        expected = [float(problem.sample_scores(network(drawn), modes)[mask].mean()) for drawn in draws]
    assert value(rows, "vector_error", "translation", 5).value == pytest.approx(sum(expected) / 2, rel=1e-6)


def test_ranked_flips_are_a_curve_like_any_other(subject):
    data, floats, deployed = subject
    faults = MemoryFaultOptions(encoding="twos_complement", codes=CODES, ranked={"counts": (1, 20)}, **OTHERS)
    none = NO_SENSORS, SPOILED, NO_ATTACKS, faults, HALFWAY
    found = disturb(cell("ptq4", 4), TASK, NOISE, *none, data, deployed)
    ranked = found[(found.condition == "ranked_flips") & (found.split == "test")]
    assert list(ranked[ranked.measure == "accuracy"].level) == [1, 20]
    rise = value(found, "loss_rise", "ranked_flips", 20)
    assert rise.num_samples == 100 and rise.value > value(found, "loss_rise", "flips", 20).value > 0
    assert (ranked.measure == "half_life").sum() == 1
    assert not disturb(cell("fp32", 32), TASK, NOISE, *none, data, floats).condition.str.contains("ranked").any()


def test_the_map_says_which_cell_it_is_about(subject):
    data, _, deployed = subject
    rows, flips, protection = map_flips(cell("ptq4", 4), TASK, MAP, "twos_complement", data, deployed)
    assert {"bit_error_slope", "protected_bits", "ranking_recall", "score_after_search"} <= set(rows.measure)
    for frame in (flips, protection):
        assert isinstance(frame, pd.DataFrame) and set(frame.precision) == {"ptq4"} and len(frame)
    assert list(flips.columns[:7]) == list(rows.columns[:7])
