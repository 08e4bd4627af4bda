import subprocess
import sys

import pytest
import torch

from lowland.tasks import HeldOut, Samples, build_task
from lowland.tasks.econ import EconOptions
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.jets import JetsOptions
from lowland.tasks.references import references
from lowland.tasks.table import TableOptions
from tests.made_splits import splits_of

SIZES = {"train_rows": 300, "validation_rows": 20, "landscape_rows": 20, "test_rows": 200}
JETS = build_task(JetsOptions(kind="jets", source="file", hidden=(4,), **SIZES))
NUMBER = build_task(TableOptions(kind="table", path="t.csv", features=("a",), target="b", hidden=(4,), **SIZES))
WAFERS = build_task(EconOptions(kind="econ", source="simulated", shifted_rows=4, filters=2, latent=4, **SIZES))
FRAMES = build_task(FusionOptions(kind="fusion", source="simulated", amplitude_unit=10.0, **SIZES))


def splits(rows):
    """Sets of the sizes above: training rows and test rows are two draws."""
    train, test = rows(300, 0), rows(200, 1)
    return splits_of(train, test, test, test, torch.zeros_like(train.inputs[0]))


def class_rows(count, seed):
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 16, generator=source)
    return Samples(inputs, (inputs[:, 0] > 0.4).long() * 3)


def number_rows(count, seed):
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 2, generator=source)
    targets = inputs[:, 0] + inputs[:, 1].square()
    return Samples(inputs, torch.stack([targets, torch.full((count,), 5.0), torch.full((count,), 100.0)], 1))


def test_classes_have_the_guess_and_two_models():
    made = splits(class_rows)
    table = references(JETS, made).set_index("name")
    assert list(table.index) == ["guess", "boosting", "linear"] and table.label.str.len().min() > 10
    share = float((made["test"].targets == 0).double().mean())
    assert table.score["guess"] == pytest.approx(share)
    assert table.standard_error["guess"] == pytest.approx((share * (1 - share) / 99) ** 0.5, rel=0.01)
    assert table.score["boosting"] > 0.93 and table.score["linear"] > 0.93 and set(table.num_samples) == {100}


def test_numbers_are_scored_in_their_own_unit():
    made = splits(number_rows)
    table = references(NUMBER, made).set_index("name")
    targets = made["test"].targets[:, 0]
    median = made["train"].targets[:, 0].median()
    assert table.score["guess"] == pytest.approx(5 * float((targets - median).abs().mean()), rel=1e-5)
    assert table.score["boosting"] < 0.4 * table.score["guess"]
    assert table.score["boosting"] < table.score["linear"] < table.score["guess"]


def test_a_class_that_no_fitted_row_has_is_never_named():
    train, test = class_rows(300, 0), class_rows(200, 1)
    alike = Samples(train.inputs, torch.full_like(train.targets, 3))
    made = splits_of(alike, test, test, HeldOut(test, torch.zeros(200, dtype=torch.bool)), torch.zeros(16))
    table = references(JETS, made).set_index("name")
    assert table.score.tolist() == pytest.approx([float((test.targets == 3).double().mean())] * 3)


def test_equal_data_give_equal_tables_whatever_the_global_generators():
    assert references(JETS, splits(class_rows)).equals(references(JETS, splits(class_rows)))


def test_the_guess_is_made_from_training_targets_alone():
    train, test = class_rows(300, 0), class_rows(200, 1)
    flipped = Samples(train.inputs, 3 - train.targets)
    made = splits_of(flipped, test, test, test, torch.zeros(16))
    table = references(JETS, made).set_index("name")
    assert table.score["guess"] == pytest.approx(float((made["test"].targets == 3).double().mean()))


def test_wafers_and_frames_have_the_guess_alone():
    wafers = torch.rand(12, 48, generator=torch.Generator().manual_seed(0))
    modes = torch.randn(12, 2, generator=torch.Generator().manual_seed(0)) * 10
    for task, targets in ((WAFERS, wafers), (FRAMES, modes)):
        rows = Samples(torch.zeros(12, 1, 8, 8), targets)
        told = HeldOut(rows, torch.zeros(12, dtype=torch.bool))
        table = references(task, splits_of(rows, rows, rows, told, torch.zeros(1, 8, 8)))
        assert list(table.name) == ["guess"]
        assert table.score[0] == pytest.approx(task.guess_score(targets), rel=1e-4)  # the same rows: the same guess


def test_a_constant_class_share_has_the_lowest_loss_too():
    targets = torch.tensor([0, 0, 0, 1, 2, 2])
    loss = float(JETS.loss(JETS.guess_outputs(targets, 6), targets))
    shares = torch.tensor([3.0, 1.0, 2.0]) / 6
    assert loss == pytest.approx(float(-(shares * shares.log()).sum()), rel=1e-5)


def test_models_are_imported_where_they_are_fitted():
    code = "import sys, lowland.pipelines.preparation.nodes; print('sklearn.ensemble' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
