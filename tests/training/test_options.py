import math

import pytest
import torch
import yaml
from pydantic import ValidationError

from lowland.training import TrainingOptions, TrainingPlan
from tests.study.project import ROOT
from tests.training.fitting import data, equal_weights, fit, network

AUTO = {"epochs": "auto", "batch_size": "auto", "steps": 600, "learning_rate": 0.01, "schedule": "constant"}


def auto(**changes):
    return TrainingOptions(**AUTO | changes)


def base(part, file):
    return TrainingPlan.model_validate(yaml.safe_load((ROOT / "conf/base" / file).read_text())[part]).of("jets")


def test_the_jets_of_base_are_trained_as_they_were_told_in_numbers():
    assert base("training", "parameters_training.yml").resolve(30_000)[:2] == (20, 1024)
    assert base("fine_tuning", "parameters_quantization.yml").resolve(30_000)[:2] == (7, 1024)


@pytest.mark.parametrize(
    "rows, epochs, size", [(600, 20, 20), (107, 17, 3), (580, 20, 19), (500_000, 2, 1024), (40, 30, 2), (1, 600, 2)]
)
def test_batches_fit_the_rows(rows, epochs, size):
    assert auto().resolve(rows) == (epochs, size, math.ceil(rows / size))


@pytest.mark.parametrize("rows", range(59, 2000, 37))
def test_the_largest_batch_that_leaves_thirty_a_pass(rows):
    size = auto().resolve(rows).batch_size
    assert math.ceil(rows / size) >= 30 > math.ceil(rows / (size + 1))


def test_numbers_are_taken_as_they_are():
    assert auto(epochs=3).resolve(600) == (3, 20, 30)
    assert auto(batch_size=300).resolve(600) == (300, 300, 2)
    assert auto(epochs=20, batch_size=1024, steps=None).resolve(600) == (20, 1024, 1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"steps": None}, "steps is missing with epochs auto"),
        ({"epochs": 0}, r"epochs\n  expected auto, or greater than or equal to 1"),
        ({"batch_size": "all"}, r"batch_size\n  expected auto, or a valid integer"),
        ({"steps": 0}, "steps"),
        ({"patience": 0}, "patience"),
    ],
)
def test_what_training_cannot_be_told(changes, message):
    with pytest.raises(ValidationError, match=message):
        auto(**changes)


def test_waiting_counts_from_the_lowest_loss():
    options = auto(patience=2)
    assert not options.exhausted([3.0, 2.0, 2.5])
    assert options.exhausted([3.0, 2.0, 2.5, 2.0])  # equal is not lower
    assert not options.exhausted([3.0, 2.0, 2.5, 1.9])
    assert not auto(patience=2, epochs=9).exhausted([1.0, 2.0, 3.0, 4.0])
    assert not auto().exhausted([1.0, 2.0, 3.0, 4.0])


def test_training_ends_where_validation_stops_falling_and_keeps_its_best():
    told = {"batch_size": 64, "steps": 40, "learning_rate": 0.05}
    inputs, targets = data()
    validation = (inputs, 1 - targets)  # whatever is learned makes it worse
    stopped = fit(network(), options=auto(**told, patience=3), validation=validation)
    whole = fit(network(), options=auto(**told), validation=validation)
    assert list(stopped.curves["epoch"]) == [1, 2, 3, 4] and len(whole.curves) == 40
    assert stopped.curves.equals(whole.curves.head(4))
    assert stopped.status == "ok" and equal_weights(stopped.network, whole.network)


def test_a_cosine_ends_at_rest_with_epochs_auto():
    options = auto(steps=90, schedule="cosine")
    length = options.resolve(600)
    assert options.rate(length.epochs * length.batches, length) == pytest.approx(0.0) and options.rate(0, length) == 1


def test_small_data_are_learned_out_of_the_box():
    """600 rows of a signal that 20 steps do not find."""
    source = torch.Generator().manual_seed(2)
    inputs = torch.randn(700, 3, generator=source)
    targets = (inputs[:, 0] * inputs[:, 1] > 0).long()
    parts = {"training": (inputs[:600], targets[:600]), "validation": (inputs[600:], targets[600:])}
    told = base("training", "parameters_training.yml")
    losses = {
        name: fit(network(), options=options, **parts).curves["validation_loss"].min()
        for name, options in (
            ("steps", told),
            ("passes", told.model_copy(update={"epochs": 20, "batch_size": 1024})),
        )
    }
    assert losses["steps"] < 0.45 < 0.65 < losses["passes"]
