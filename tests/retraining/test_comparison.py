import math

import pytest
import torch

from lowland.disagreement import answer_changes
from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.retraining import AnswersBeside, advantage, changes_of_retraining


def outputs(*answers, classes=3):
    return torch.nn.functional.one_hot(torch.tensor(answers), classes).float()


def random_answers(key, rows=300):
    g = generator("answers", key)
    return AnswersBeside(torch.randn(rows, 3, generator=g), torch.randn(rows, 3, generator=g))


def test_rows_are_counted_by_hand():
    before = AnswersBeside(outputs(0, 0, 0, 0, 1, 1), outputs(1, 1, 0, 0, 1, 2))
    after = AnswersBeside(outputs(0, 0, 0, 0, 1, 1), outputs(1, 0, 1, 0, 1, 1))
    targets = torch.tensor([0, 0, 0, 0, 2, 1])
    found = changes_of_retraining(before, after, targets)
    values = {measure: round(6 * estimate.value) for measure, estimate in found.items()}
    # Rows 0, 1 and 5 disagreed; 0 remains, 2 is new. Right before: 2 and 3; after: 1, 3 and 5.
    assert values == {
        "remaining_disagreements": 1,
        "new_disagreements": 1,
        "disagreements_removed": 1,
        "retrained_accuracy": 3,
        "retraining_gain": 1,
    }


def test_removed_is_old_less_remaining_less_new_with_the_error_of_mcnemars_table():
    before, after = random_answers("before"), random_answers("after")
    found = changes_of_retraining(before, after, torch.zeros(300, dtype=torch.int64))
    old = before.disagree.double().mean()
    left = found["remaining_disagreements"].value + found["new_disagreements"].value
    assert found["disagreements_removed"].value == pytest.approx(float(old - left))
    assert left == pytest.approx(float(after.disagree.double().mean()))
    gone = int((before.disagree & ~after.disagree).sum())
    new = int((~before.disagree & after.disagree).sum())
    variance = (gone + new - (gone - new) ** 2 / 300) / 299 / 300
    assert found["disagreements_removed"].standard_error == pytest.approx(math.sqrt(variance))
    assert {estimate.num_samples for estimate in found.values()} == {300}


def test_the_gain_is_what_two_comparisons_with_the_target_say():
    before, after = random_answers("before"), random_answers("after")
    targets = torch.randint(3, (300,), generator=generator("targets"))
    lost = answer_changes(before.logits, after.logits, targets).accuracy_lost
    gain = changes_of_retraining(before, after, targets)["retraining_gain"]
    assert (gain.value, gain.standard_error) == (pytest.approx(-lost.value), pytest.approx(lost.standard_error))


def test_the_advantage_is_antisymmetric_and_nothing_against_itself():
    one, other = random_answers("one"), random_answers("other")
    assert advantage(one, other).value == -advantage(other, one).value
    assert advantage(one, one).value == advantage(one, one).standard_error == 0
    expected = float(other.disagree.double().mean() - one.disagree.double().mean())
    assert advantage(one, other).value == pytest.approx(expected)


def test_what_is_not_finite_is_said_of_every_number():
    one, lost = random_answers("one"), AnswersBeside(torch.full((300, 3), math.nan), torch.zeros(300, 3))
    targets = torch.zeros(300, dtype=torch.int64)
    for pair in ((one, lost), (lost, one)):
        assert {each.status for each in changes_of_retraining(*pair, targets).values()} == {"non_finite"}
        assert advantage(*pair).status == "non_finite"


def test_outputs_of_other_rows_are_refused():
    with pytest.raises(LowlandError, match="expected those of the same rows"):
        changes_of_retraining(random_answers("one"), random_answers("two", 20), torch.zeros(300, dtype=torch.int64))
    with pytest.raises(LowlandError, match="with 20 targets"):
        changes_of_retraining(random_answers("one"), random_answers("two"), torch.zeros(20, dtype=torch.int64))
