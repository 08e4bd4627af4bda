"""A cell whose training diverged passes through every node as rows with its status."""

import pytest
import torch
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.faults import FlipMapOptions, MemoryFaultOptions
from lowland.grid import CellGroup, Run
from lowland.landscape import LandscapeDetailOptions, LandscapeOptions
from lowland.measurements import Cell
from lowland.perturbation import (
    AttackOptions,
    ImageCorruptionOptions,
    InputNoiseOptions,
    SensorFaultOptions,
)
from lowland.pipelines.landscape.nodes import compare_seeds, connect_seeds, measure_cell, picture_cell
from lowland.pipelines.perturbation.nodes import map_flips
from lowland.pipelines.quantization.nodes import deploy_float, fine_tune_quantized, quantize_after_training
from lowland.quantization import Precision, QuantizationOptions
from lowland.robustness import HalfLifeOptions
from lowland.tasks import Samples
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.jets import JetsOptions
from lowland.training import Recipe, TrainingOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.pipelines.disturbing import disturb

CELL = Cell(task="jets", recipe="plain", seed="s0", precision="qat8", method="qat", weight_bits=8, activation_bits=8)
RUN = Run(task="jets", recipe="plain", seed="s0", number=0)
TASK = JetsOptions(
    kind="jets", source="file", train_rows=8, validation_rows=8, landscape_rows=8, test_rows=8, hidden=(4,)
)
FRAMES = FusionOptions(
    kind="fusion", source="simulated", train_rows=8, validation_rows=8, landscape_rows=8, test_rows=8
)
ROWS = Samples(torch.randn(8, 16, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5)
DATA = StoredTensors(all_in(ROWS, 3).to_tensors())
DIVERGED = StoredModel(nn.Linear(16, 5), "non_finite")
PRECISION = Precision(method="qat", weight_bits=8, activation_bits=8)
OPTIONS = QuantizationOptions(input_bits=8, calibration_rows=8)
TUNING = TrainingOptions(epochs=1, batch_size=4, learning_rate=0.1, schedule="constant")
NOISE = InputNoiseOptions(kinds=("gaussian",), levels=(5,), draws=2)
DEPLOYED = ["performance", "cost", "shift"]
DETAIL = LandscapeDetailOptions(
    precisions="all",
    seeds="all",
    pairs="all",
    density_runs=2,
    density_steps=2,
    surface_directions=("filter_normalised",),
    surface_points=3,
    surface_span=1.0,
    surface_rows="all",
    connectivity_epochs=1,
    connectivity_learning_rate=0.1,
    connectivity_batch_size=4,
    connectivity_points=3,
)
FAULTS = MemoryFaultOptions(**base("faults"))
SENSORS = SensorFaultOptions(levels={"saturation": (10,)}, draws=2)
SPOILED = ImageCorruptionOptions(**base("corruptions", kinds=("fog", "rotation")))
ATTACKS, HALFWAY = AttackOptions(**base("attacks")), HalfLifeOptions(floor="halfway")
LANDSCAPE = LandscapeOptions(**base("landscape"))
MAP = FlipMapOptions(
    precisions="all",
    seeds="all",
    rows="all",
    recall_counts=(1,),
    bit_error_rate=0.01,
    tolerated_drop=0.1,
    simulation_draws=2,
    search_flips=0,
)


@pytest.mark.parametrize(
    "node, families",
    [
        (lambda: deploy_float(CELL, TASK, DATA, DIVERGED)[1], DEPLOYED),
        (lambda: quantize_after_training(CELL, PRECISION, OPTIONS, TASK, DATA, DIVERGED)[1], DEPLOYED),
        (
            lambda: fine_tune_quantized(
                CELL, RUN, Recipe({"kind": "plain"}), PRECISION, OPTIONS, TUNING, "cpu", TASK, DATA, DIVERGED
            )[2],
            DEPLOYED,
        ),
        (lambda: measure_cell(CELL, TASK, LANDSCAPE, DATA, DIVERGED), ["landscape"]),
        (
            lambda: disturb(CELL, TASK, NOISE, SENSORS, SPOILED, ATTACKS, FAULTS, HALFWAY, DATA, DIVERGED),
            ["noise", "sensor_fault", "adversarial", "bit_flip"],
        ),
        (
            lambda: disturb(CELL, FRAMES, NOISE, SENSORS, SPOILED, ATTACKS, FAULTS, HALFWAY, DATA, DIVERGED),
            ["noise", "sensor_fault", "image_corruption", "adversarial", "bit_flip"],
        ),
    ],
)
def test_a_diverged_model_becomes_rows_with_its_status(node, families):
    rows = node()
    assert rows["family"].tolist() == families
    assert set(rows["status"]) == {"non_finite"} and set(rows["measure"]) == {"all"}


def test_pairs_with_a_diverged_seed_say_so():
    group = CellGroup(cells=tuple(CELL.model_copy(update={"seed": seed}) for seed in ("s0", "s1", "s2")))
    healthy = StoredModel(nn.Linear(16, 5).eval())
    rows = compare_seeds(group, TASK, LANDSCAPE, DATA, healthy, DIVERGED, healthy)
    whole = rows[rows["target"] == ""]
    for measure in ("cka", "disagreement_rate"):
        found = whole[whole["measure"] == measure]
        assert found["seed"].tolist() == ["s0", "s0", "s1"]
        assert found["reference"].tolist() == ["jets.plain.s1.qat8", "jets.plain.s2.qat8", "jets.plain.s2.qat8"]
        assert found["status"].tolist() == ["non_finite", "ok", "non_finite"]


def test_pictures_of_a_diverged_model_are_empty_and_say_so():
    rows, density, surface = picture_cell(CELL, TASK, DETAIL, DATA, DIVERGED)
    assert rows["measure"].tolist() == ["negative_spectral_mass"] and rows["status"].tolist() == ["non_finite"]
    assert density.empty and surface.empty
    group = CellGroup(cells=(CELL, CELL.model_copy(update={"seed": "s1"})))
    rows, curve = connect_seeds(group, TASK, DETAIL, DATA, DIVERGED, DIVERGED)
    assert rows["measure"].tolist() == ["mode_connectivity", "curve_barrier", "linear_barrier"]
    assert set(rows["status"]) == {"non_finite"} and curve.empty


def test_the_map_of_a_diverged_model_is_empty_and_says_so():
    rows, found, protection = map_flips(CELL, TASK, MAP, "twos_complement", DATA, DIVERGED)
    assert rows["measure"].tolist() == ["bit_error_slope"] and rows["status"].tolist() == ["non_finite"]
    assert found.empty and protection.empty
