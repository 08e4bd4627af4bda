"""The loop over levels and draws, against sums done by hand."""

import pytest
import torch
from torch import nn

from lowland.perturbation import FeatureRanges
from lowland.robustness import Disturbed, HalfLifeOptions, Scenario, Subject, sweep
from lowland.tasks import HeldOut, Samples, build_task
from lowland.tasks.jets import JetsOptions
from lowland.vocabulary.conditions import CONDITIONS
from tests.made_splits import splits_of

TASK = build_task(
    JetsOptions(kind="jets", source="file", train_rows=1, validation_rows=1, landscape_rows=1, test_rows=1, hidden=(2,))
)


@pytest.fixture
def subject():
    """Outputs are the inputs; of the rows that are told the first half are right, of those that choose all are."""
    inputs = torch.eye(5).repeat(4, 1) * 3
    targets = torch.cat([torch.arange(5), torch.arange(5).roll(1), torch.arange(5), torch.arange(5)])
    rows = Samples(inputs, targets)
    splits = splits_of(rows, rows, rows, HeldOut(rows, torch.arange(20) >= 10), torch.zeros(5))
    return Subject(TASK, nn.Identity(), splits, FeatureRanges.of(inputs), ("toy",), HalfLifeOptions(floor="halfway"))


def told(rows, measure, split="test"):
    return [row for row in rows if row.measure == measure and row.split == split]


def rolled(subject, share):
    """The first of the right rows made wrong, as many as the level and the draw say."""
    inputs, targets = subject.samples

    def at(level, number):
        changed = inputs.clone()
        count = round(level * share) + number
        changed[:count] = inputs[:count].roll(2, dims=1)
        return Disturbed(subject.network, Samples(changed, targets))

    return at


def test_levels_are_means_over_draws_from_the_mildest_to_the_worst(subject):
    rows = sweep(subject, Scenario(CONDITIONS["gaussian"], (4.0, 2.0), 2, rolled(subject, 1)))
    assert [(row.level, row.estimate.value) for row in told(rows, "accuracy")] == [
        (2.0, pytest.approx((0.3 + 0.2) / 2)),
        (4.0, pytest.approx((0.1 + 0.0) / 2)),
    ]
    assert [row.estimate.value for row in told(rows, "accuracy", "selection")] == [1, 1]  # rows of their own
    assert {(row.family, row.condition, row.target) for row in rows} == {("noise", "gaussian", "")}
    (half,), (beyond,) = told(rows, "half_life"), told(rows, "half_life", "selection")
    assert half.estimate.status == "ok" and 0 < half.estimate.value < 4
    assert beyond.estimate.status == "not_converged" and beyond.estimate.value == 4


def test_a_target_and_what_the_disturbance_says_of_itself_are_rows(subject):
    def at(level, number):
        return Disturbed(subject.network, subject.samples, {"blind_rate": (torch.arange(20) < 5).float()})

    rows = sweep(subject, Scenario(CONDITIONS["flips"], (1.0,), 1, at, target="weights"))
    assert {row.target for row in rows} == {"weights"}
    (blind,) = told(rows, "blind_rate")
    assert (blind.estimate.value, blind.estimate.num_samples, blind.level) == (0.5, 10, 1.0)
    assert told(rows, "blind_rate", "selection")[0].estimate.value == 0


def test_where_less_is_worse_levels_fall_and_nothing_is_no_level(subject):
    rows = sweep(subject, Scenario(CONDITIONS["requantization"], (2.0, 4.0), 1, rolled(subject, 0)))
    assert [row.level for row in told(rows, "accuracy")] == [4.0, 2.0]
    single = sweep(subject, Scenario(CONDITIONS["requantization"], (2.0,), 1, rolled(subject, 0)))
    assert not told(single, "half_life")


def test_another_arithmetic_is_compared_with_itself(subject):
    class Shifted(nn.Module):
        def forward(self, inputs):
            return inputs.roll(1, dims=1)

    scenario = Scenario(
        CONDITIONS["transient_bit_error_rate"],
        (1e-3,),
        1,
        lambda level, number: Disturbed(Shifted(), subject.samples),
        target="activations",
        undisturbed=Shifted(),
    )
    rows = sweep(subject, scenario)
    assert [told(rows, name)[0].estimate.value for name in ("accuracy_drop", "loss_rise")] == [0, 0]
