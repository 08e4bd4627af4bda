"""Rows of the long table about networks that may abstain."""

import math

import pytest
import torch

from lowland.disagreement import DisagreementOptions, abstention_threshold, fixed_thresholds, uncertainty
from lowland.disagreement.measured_abstention import answered_rows, proved_abstention, threshold_rows
from lowland.disagreement.measured_rows import Answers, Reference
from lowland.randomness import generator
from tests.base_options import base

OPTIONS = DisagreementOptions(**base("disagreement", abstention_risks=[0.1, 0.02]))


def answers(key, rows=1500, *, split="threshold", condition=""):
    """Of three classes; labels are drawn from the probabilities, so that these are right."""
    logits = 4 * torch.randn(rows, 3, generator=generator("abstaining", key))
    targets = logits.softmax(1).multinomial(1, generator=generator("abstaining labels", key)).squeeze(1)
    return Answers(logits, targets, split, condition)


def reference(known, key="other"):
    noise = torch.randn(known.logits.shape, generator=generator("abstaining", key, len(known.logits)))
    return Reference("jets.plain.s0", "float", known.logits + noise)


@pytest.mark.parametrize("of_labels", [True, False], ids=["wrong label", "another answer than float"])
def test_thresholds_are_those_of_learn_then_test_and_rates_are_of_what_is_answered(of_labels):
    validation, proving, judged = answers("validation").logits, answers("proving"), answers("judged", split="test")
    beside, there = (None, None) if of_labels else (reference(proving), reference(judged))
    abstention = proved_abstention(validation, proving, OPTIONS, beside)
    rows = {(row.measure, row.level): row for row in threshold_rows(abstention, proving, beside)}
    rows |= {(row.measure, row.level): row for row in answered_rows(abstention, judged, there)}
    scores = uncertainty(judged.logits, "margin")
    for risk in (0.1, 0.02):
        first = proving.targets if of_labels else beside.logits.argmax(1)
        wrong = proving.logits.argmax(1) != first
        thresholds = fixed_thresholds(uncertainty(validation, "margin"), 1500, risk=risk, delta=0.1)
        found = abstention_threshold(uncertainty(proving.logits, "margin"), wrong, thresholds, risk=risk, delta=0.1)
        assert -math.inf < found.threshold < math.inf
        assert rows["abstention_threshold", risk].estimate.value == found.threshold
        answered = scores <= found.threshold
        assert rows["answered_share", risk].estimate.value == pytest.approx(float(answered.double().mean()))
        second = judged.targets if of_labels else there.logits.argmax(1)
        errors = (judged.logits.argmax(1) != second)[answered].double().mean()
        assert rows["risk_among_answered", risk].estimate.value == pytest.approx(float(errors))
        assert rows["risk_among_answered", risk].estimate.num_samples == int(answered.sum())
    kind, name = ("", "") if of_labels else ("float", "jets.plain.s0")
    assert {(row.reference_kind, row.reference, row.target) for row in rows.values()} == {(kind, name, "margin")}
    assert {key[0]: row.split for key, row in rows.items()} == {
        "abstention_threshold": "threshold", "answered_share": "test", "risk_among_answered": "test",
    }  # fmt: skip


def test_where_nothing_can_be_proved_all_is_undefined():
    few = answers("few", 44)
    abstention = proved_abstention(few.logits, few, DisagreementOptions(**base("disagreement")))
    rows = [*threshold_rows(abstention, few), *answered_rows(abstention, few)]
    assert [row.estimate.status for row in rows] == ["undefined"] * 6 and {row.level for row in rows} == {0.05, 0.01}


def test_a_perfect_network_answers_everything_and_rows_without_an_answer_have_no_risk():
    known = answers("perfect", 600)
    right = Answers(known.logits, known.logits.argmax(1), "threshold")
    abstention = proved_abstention(known.logits, right, OPTIONS)
    fixing = uncertainty(known.logits, "margin")
    highest = [float(fixed_thresholds(fixing, 600, risk=risk, delta=0.1)[-2]) for risk in (0.1, 0.02)]
    assert [row.estimate.value for row in threshold_rows(abstention, right)] == highest
    shares = [row.estimate.value for row in answered_rows(abstention, right) if row.measure == "answered_share"]
    assert shares == [1, 1]
    strict = proved_abstention(answers("validation").logits, answers("proving"), OPTIONS)
    unsure = Answers(torch.zeros(20, 3), torch.zeros(20, dtype=torch.int64), "test", "fog")
    shares, risks = (
        [row.estimate for row in answered_rows(strict, unsure) if row.measure == measure]
        for measure in ("answered_share", "risk_among_answered")
    )
    assert [(each.value, each.status) for each in shares] == [(0, "ok")] * 2
    assert [each.status for each in risks] == ["undefined"] * 2


def test_the_threshold_is_the_quantile_that_was_proved_even_above_all_that_the_proving_rows_have():
    validation, known = answers("validation").logits, answers("sure", 600)
    scores, wrong = uncertainty(known.logits, "margin"), known.logits.argmax(1) != known.targets
    sure = (scores < 0.1) & ~wrong
    proving = Answers(known.logits[sure].repeat(5, 1), known.targets[sure].repeat(5), "threshold")
    found = [row.estimate.value for row in threshold_rows(proved_abstention(validation, proving, OPTIONS), proving)]
    fixing = uncertainty(validation, "margin")
    tried = [fixed_thresholds(fixing, len(proving.targets), risk=risk, delta=0.1) for risk in (0.1, 0.02)]
    assert found == [float(each[-2]) for each in tried] and min(found) > float(scores[sure].max())


def test_outputs_that_are_not_finite_prove_nothing_and_are_not_answered():
    broken = answers("broken")
    broken.logits[3, 1] = math.nan
    for validation, proving in ((broken.logits, answers("proving")), (answers("validation").logits, broken)):
        abstention = proved_abstention(validation, proving, OPTIONS)
        found = [*threshold_rows(abstention, proving), *answered_rows(abstention, broken)]
        assert {row.estimate.status for row in found} == {"non_finite"}
    strict = proved_abstention(answers("validation").logits, answers("proving"), OPTIONS)
    one = Answers(broken.logits[3:5].clone(), torch.tensor([1, 0]), "test")
    one.logits[1] = torch.tensor([50.0, 0.0, 0.0])  # surely right
    assert next(answered_rows(strict, one)).estimate.value == 0.5
