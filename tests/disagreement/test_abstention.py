"""Thresholds beyond which a network does not answer: what is promised holds."""

import math

import pytest
import torch

from lowland.disagreement import abstention_threshold, fixed_thresholds, least_answers
from lowland.errors import LowlandError
from lowland.randomness import generator


def pool(key="pool", rows=20_000):
    """Uncertainties and errors of a population: the less sure, the more often wrong; a quarter is wrong."""
    g = generator("abstention", key)
    scores = torch.rand(rows, generator=g)
    return scores, torch.rand(rows, generator=g) < 0.75 * scores**2


@pytest.mark.parametrize(("risk", "least"), [(0.05, 45), (0.01, 230), (0.1, 22)])
def test_how_many_right_answers_it_takes(risk, least):
    assert least_answers(risk) == least
    scores, none = torch.zeros(least), torch.zeros(least, dtype=torch.bool)
    everything = torch.tensor([math.inf])
    assert abstention_threshold(scores, none, everything, risk=risk).num_answered == least
    assert abstention_threshold(scores[1:], none[1:], everything, risk=risk).threshold == -math.inf


@pytest.mark.parametrize("risk", [0.05, 0.1])
def test_the_risk_holds_in_at_least_173_of_200_draws_and_many_rows_are_answered(risk):
    scores, wrong = pool()
    thresholds = fixed_thresholds(pool("validation", 2000)[0], 2000, risk=risk)
    held, coverages = 0, []
    for draw in range(200):
        rows = torch.randint(len(scores), (2000,), generator=generator("abstention", "draw", draw))
        found = abstention_threshold(scores[rows], wrong[rows], thresholds, risk=risk)
        answered = scores <= found.threshold
        held += not answered.any() or float(wrong[answered].float().mean()) <= risk
        coverages.append(float(answered.float().mean()))
    ordered = scores.argsort()
    risks = wrong[ordered].double().cumsum(0) / torch.arange(1, len(scores) + 1)
    best = float((risks <= risk).nonzero().max() + 1) / len(scores)
    assert held >= 173
    assert sum(coverages) / 200 > 0.8 * best


def test_a_network_that_is_always_wrong_never_answers_and_a_perfect_one_always():
    scores = pool()[0][:500]
    thresholds = fixed_thresholds(scores, 500, risk=0.05)
    never = abstention_threshold(scores, torch.ones(500), thresholds, risk=0.05)
    assert (never.threshold, never.coverage, never.num_answered) == (-math.inf, 0, 0)
    always = abstention_threshold(scores, torch.zeros(500), thresholds, risk=0.05)
    assert (always.threshold, always.coverage, always.num_wrong) == (math.inf, 1, 0)


def test_the_sequence_ends_at_the_first_threshold_that_is_not_proved():
    scores = torch.arange(300) / 300
    wrong = (scores > 0.5) & (scores < 0.7)  # later answers are right again, and would bring the risk down
    thresholds = torch.tensor([0.3, 0.5, 0.69, math.inf])
    assert abstention_threshold(scores, wrong, thresholds, risk=0.25).threshold == 0.5


def test_thresholds_are_quantiles_of_other_rows_and_start_where_enough_are_answered():
    validation = torch.arange(1000) / 1000
    found = fixed_thresholds(validation, 1000, risk=0.05, num_thresholds=11)
    assert len(found) == 11 and float(found[0]) == pytest.approx(0.09, abs=2e-3) and found[-1] == math.inf
    assert fixed_thresholds(validation, 20, risk=0.05).tolist() == [pytest.approx(0.999), math.inf]
    assert len(fixed_thresholds(torch.zeros(10), 1000, risk=0.05)) == 2


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: least_answers(0.0), "risk: got 0.0"),
        (lambda: least_answers(0.1, delta=1.0), "delta: got 1.0"),
        (lambda: fixed_thresholds(torch.tensor([torch.nan]), 10, risk=0.1), "expected finite ones"),
        (
            lambda: abstention_threshold(torch.zeros(3), torch.zeros(3), torch.tensor([1.0, 0.0]), risk=0.1),
            "expected ascending numbers",
        ),
        (
            lambda: abstention_threshold(torch.full((3,), torch.nan), torch.zeros(3), torch.zeros(1), risk=0.1),
            "not finite",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused(call, told):
    with pytest.raises(LowlandError, match=told):
        call()
