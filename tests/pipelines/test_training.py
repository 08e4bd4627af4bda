"""What recipes need of a task reaches them, in training and in fine-tuning."""

import pytest
import torch

from lowland.artifacts import StoredTensors
from lowland.grid import Run
from lowland.measurements import Cell
from lowland.pipelines.quantization.nodes import fine_tune_quantized
from lowland.pipelines.training.nodes import train_float
from lowland.quantization import Precision, QuantizationOptions
from lowland.tasks import Samples
from lowland.tasks.jets import JetsOptions
from lowland.training import Recipe, TrainingPlan
from tests.made_splits import all_in
from tests.training.fitting import equal_weights

TASK = JetsOptions(
    kind="jets", source="file", train_rows=64, validation_rows=64, landscape_rows=64, test_rows=64, hidden=(4,)
)
PLAN = TrainingPlan(epochs=2, batch_size=32, learning_rate=0.01, schedule="constant")
RECIPES = [
    {"kind": "adversarial", "radius": 0.2, "num_steps": 2},
    {"kind": "mixup", "alpha": 0.4},
    {"kind": "label_smoothing", "smoothing": 0.1},
    {"kind": "ema", "decay": 0.9},
]


@pytest.fixture(scope="module")
def data():
    inputs = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    return StoredTensors(all_in(Samples(inputs, torch.arange(64) % 5), 16).to_tensors())


@pytest.mark.parametrize("chosen", RECIPES, ids=lambda chosen: chosen["kind"])
def test_recipes_train_and_fine_tune_the_same_twice_and_not_as_plain(chosen, data):
    run = Run(task="jets", recipe="any", seed="s0", number=0)
    cell = Cell(task="jets", recipe="any", seed="s0", precision="qat6", method="qat", weight_bits=6, activation_bits=6)
    precision, options = (
        Precision(method="qat", weight_bits=6, activation_bits=6),
        QuantizationOptions(input_bits=8, calibration_rows=50),
    )
    found = []
    for recipe in (chosen, chosen, {"kind": "plain"}):
        recipe = Recipe.model_validate(recipe)
        trained, _ = train_float(run, TASK, recipe, PLAN, "cpu", data)
        tuned, curves, measured = fine_tune_quantized(
            cell, run, recipe, precision, options, PLAN, "cpu", TASK, data, trained
        )
        assert trained.status == tuned.status == "ok" and len(curves) == 2
        assert set(measured["status"]) == {"ok"}
        found.append((trained.network, tuned.network.state_dict()))
    (network, codes), (again, same), (plain, other) = found
    assert equal_weights(network, again) and not equal_weights(network, plain)
    assert all(torch.equal(codes[name], same[name]) for name in codes)
    assert any(not torch.equal(codes[name], other[name]) for name in codes)
