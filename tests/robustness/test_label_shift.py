"""Scores where the classes have other shares, against those of the classes."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.perturbation import FeatureRanges
from lowland.randomness import generator
from lowland.robustness import HalfLifeOptions, Subject
from lowland.robustness.label_shift import LabelShiftOptions, label_shift_rows
from lowland.selection import Axes, TaskFacts
from lowland.tasks import HeldOut, Samples
from lowland.tasks.label_shift import shifted_priors
from tests.made_splits import splits_of
from tests.robustness.test_sweep import TASK

ROWS = 400
OPTIONS = LabelShiftOptions(ratios=(9, 1), draws=4)


@pytest.fixture
def subject():
    """Of five classes the first two are always right, the others never are; 40 rows of each in either half."""
    targets = torch.arange(ROWS) % 5
    outputs = torch.nn.functional.one_hot(torch.where(targets < 2, targets, (targets + 1) % 5), 5).float()
    rows = Samples(outputs, targets)
    splits = splits_of(rows, rows, rows, HeldOut(rows, torch.arange(ROWS) >= ROWS // 2), torch.zeros(5))
    return Subject(TASK, nn.Identity(), splits, FeatureRanges.of(outputs), ("toy",), HalfLifeOptions(floor="halfway"))


def by_place(rows):
    return {(row.measure, row.level, row.split): row.estimate for row in rows}


def test_the_score_is_that_of_the_classes_weighted(subject):
    rows = by_place(label_shift_rows(subject, OPTIONS))
    counts = (40 * shifted_priors(5, 9) / shifted_priors(5, 9)[0]).round()
    expected = []
    for number in range(OPTIONS.draws):
        order = torch.randperm(5, generator=generator("toy", "label_shift", number))
        expected.append(float(counts[order < 2].sum() / counts.sum()))
    for split in ("selection", "test"):
        score, lost = rows["accuracy", 9, split], rows["accuracy_drop", 9, split]
        assert score.value == pytest.approx(sum(expected) / len(expected)) and score.num_samples == OPTIONS.draws
        assert lost.value == pytest.approx(0.4 - score.value)
        assert lost.standard_error == pytest.approx(score.standard_error) and score.standard_error > 0
        assert rows["loss_rise", 9, split].value > 0 or score.value > 0.4


def test_equal_shares_of_what_has_equal_shares_change_nothing(subject):
    rows = by_place(label_shift_rows(subject, OPTIONS))
    assert rows["accuracy", 1, "test"].value == pytest.approx(0.4)
    assert rows["accuracy_drop", 1, "test"].value == pytest.approx(0, abs=1e-7)
    assert rows["loss_rise", 1, "test"].value == pytest.approx(0, abs=1e-6)


def test_rows_are_of_the_shift_family_and_in_the_order_of_their_levels(subject):
    rows = list(label_shift_rows(subject, OPTIONS))
    assert {(row.family, row.condition) for row in rows} == {("shift", "label_shift")}
    assert [row.level for row in rows] == [1] * 6 + [9] * 6


def test_options():
    assert LabelShiftOptions.model_validate("none").ratios == () == LabelShiftOptions(ratios="none", draws=2).ratios
    assert list(LabelShiftOptions.model_validate("none").planned()) == []
    (planned,) = OPTIONS.planned()
    assert (planned.family, planned.condition, planned.levels) == ("shift", "label_shift", (9, 1))
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        LabelShiftOptions(ratios=(0.5,), draws=2)
    with pytest.raises(ValidationError, match="ratios names an entry twice"):
        LabelShiftOptions(ratios=(2, 2), draws=2)


def test_a_ratio_beyond_the_rows_of_a_class_is_refused_before_anything_is_trained():
    facts = {"score": "accuracy", "unit": "%", "is_share": True, "input_kind": "features"}

    def told(ratio, *, is_classifier=True, test_rows=100):
        task = TaskFacts(outputs=5, is_classifier=is_classifier, test_rows=test_rows, **facts)
        axes = Axes(tasks={"toy": task}, recipes=(), seeds=(), precisions=(), deployed={})
        return list(LabelShiftOptions(ratios=[1, ratio], draws=2).misfits(axes))

    assert told(10) == told(11, is_classifier=False) == told(11, test_rows=None) == []
    ((option, what),) = told(11)
    assert option == "ratios"
    assert what.startswith("holds 11, and of task 'toy', with test_rows 100, each half has 10 rows a class")
    assert "expected at most 10" in what
