"""New, repaired and replaced errors of a network beside its reference."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.disagreement import answer_changes, disagreement_rate
from lowland.errors import LowlandError
from lowland.randomness import generator


def logits_of(answers, classes=4):
    return torch.nn.functional.one_hot(torch.as_tensor(answers), classes).float()


ANSWERS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=40)


@given(ANSWERS)
def test_kinds_of_changes_add_up_and_their_difference_is_the_accuracy_drop(rows):
    before, now, targets = (torch.tensor(column) for column in zip(*rows, strict=True))
    found = answer_changes(logits_of(before), logits_of(now), targets)
    accuracies = [(answers == targets).double().mean() for answers in (before, now)]
    assert found.negative_flips.value - found.positive_flips.value == pytest.approx(
        float(accuracies[0] - accuracies[1])
    )
    assert found.accuracy_lost.value == pytest.approx(found.negative_flips.value - found.positive_flips.value)
    parts = (found.negative_flips, found.positive_flips, found.wrong_to_other_wrong)
    assert found.churn.value == pytest.approx(sum(part.value for part in parts))
    assert found.churn == disagreement_rate(logits_of(before), logits_of(now))
    if found.excess_churn.status == "ok":
        assert -1e-12 <= found.excess_churn.value <= 1 + 1e-12
    counts = torch.bincount(targets, minlength=4)
    of_class = [found.by_class[k].value * int(counts[k]) for k in range(4) if counts[k]]
    assert sum(of_class) == pytest.approx(found.churn.value * len(rows))


def test_errors_by_hand():
    targets = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    before = torch.tensor([0, 0, 0, 1, 1, 1, 0, 2, 2, 2])  # 3 wrong
    now = torch.tensor([0, 0, 1, 1, 1, 0, 1, 3, 2, 2])  # 2 new, 1 repaired, 1 replaced, 1 kept: 4 wrong
    found = answer_changes(logits_of(before), logits_of(now), targets)
    told = (found.churn, found.negative_flips, found.positive_flips, found.wrong_to_other_wrong, found.accuracy_lost)
    assert [each.value for each in told] == pytest.approx([0.4, 0.2, 0.1, 0.1, 0.1])
    assert found.excess_churn.value == pytest.approx((0.4 - 0.1) / (0.7 - 0.1))
    assert [each.value for each in found.by_class[:3]] == [0.25, 0.75, 0.0]
    assert found.by_class[3].status == "undefined"


def test_least_and_most_churn_are_0_and_1():
    targets = torch.zeros(20, dtype=torch.int64)
    before = torch.tensor([0] * 15 + [1] * 5)
    nested = torch.tensor([0] * 12 + [1] * 8)
    apart = torch.tensor([1] * 8 + [0] * 7 + [0] * 5)
    assert answer_changes(logits_of(before), logits_of(nested), targets).excess_churn.value == 0
    assert answer_changes(logits_of(before), logits_of(apart), targets).excess_churn.value == 1


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("first_wrong", "second_wrong"), [(5, 8), (7, 7), (10, 10), (12, 15), (16, 19)])
def test_the_excess_is_1_at_the_largest_churn_that_the_accuracies_allow(classes, first_wrong, second_wrong):
    targets = torch.zeros(20, dtype=torch.int64)
    before = torch.tensor([1] * first_wrong + [0] * (20 - first_wrong))
    now = torch.tensor([0] * (20 - second_wrong) + [classes - 1] * second_wrong)  # both wrong on as few as can be
    excess = answer_changes(logits_of(before, classes), logits_of(now, classes), targets).excess_churn
    assert excess.value == 1
    fewer = torch.tensor([classes - 1, 0] * 10)[torch.randperm(20, generator=generator("fewer"))]
    other = answer_changes(logits_of(before, classes), logits_of(fewer, classes), targets).excess_churn
    assert 0 <= other.value < 1


def test_two_perfect_networks_have_no_excess():
    targets = torch.arange(4)
    found = answer_changes(logits_of(targets), logits_of(targets), targets)
    assert found.churn.value == 0 and found.excess_churn.status == "undefined"


def test_the_error_of_the_excess_is_that_of_leaving_rows_out_and_honest():
    shares = torch.tensor([0.06, 0.03, 0.04, 0.12, 0.75])  # new, repaired, replaced, kept, right twice
    before = torch.tensor([0, 1, 1, 1, 0])
    now = torch.tensor([1, 0, 2, 1, 0])
    targets = torch.zeros(400, dtype=torch.int64)
    found = []
    for draw in range(200):
        kinds = shares.multinomial(400, replacement=True, generator=generator("excess", draw))
        found.append(answer_changes(logits_of(before[kinds]), logits_of(now[kinds]), targets))
    spread = torch.tensor([each.excess_churn.value for each in found]).std()
    told = torch.tensor([each.excess_churn.standard_error for each in found]).square().mean().sqrt()
    assert float(told / spread) == pytest.approx(1, abs=0.15)
    kinds = kinds[:50]
    whole = answer_changes(logits_of(before[kinds]), logits_of(now[kinds]), targets[:50]).excess_churn
    left = []
    for row in range(50):
        rest = torch.arange(50) != row
        one = answer_changes(logits_of(before[kinds][rest]), logits_of(now[kinds][rest]), targets[:49])
        left.append(one.excess_churn.value)
    spread = torch.tensor(left, dtype=torch.float64).std(correction=0)
    assert whole.standard_error == pytest.approx(7 * float(spread), rel=1e-9)


def test_outputs_that_are_no_numbers_are_a_status():
    targets = torch.arange(4)
    found = answer_changes(logits_of(targets), logits_of(targets) * torch.nan, targets)
    assert {estimate.status for _, _, estimate in found.estimates()} == {"non_finite"}


def test_every_number_has_a_measure_and_a_class_of_its_own():
    targets = torch.arange(4).repeat(2)
    rows = list(answer_changes(logits_of(targets), logits_of(targets.flip(0)), targets).estimates())
    assert len({(measure, target) for measure, target, _ in rows}) == len(rows) == 6 + 4


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (torch.tensor([0, 4]), "classes 0 to 4; expected 0 to 3"),
        (torch.tensor([-1, 0]), "classes -1 to 0"),
        (torch.tensor([0.0, 1.0]), "expected 2 whole numbers"),
        (torch.tensor([0]), "expected 2 whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_refused(targets, told):
    with pytest.raises(LowlandError, match=told):
        answer_changes(logits_of([0, 1]), logits_of([0, 1]), targets)
