"""Rows of the long table about disagreements."""

import torch

from lowland.disagreement import DisagreementOptions, fitted_temperature, risk_coverage_area, uncertainty
from lowland.disagreement.measured_rows import (
    Answers,
    Reference,
    confidence_rows,
    detection_rows,
    ranked,
    uncertainties,
)
from lowland.estimate import Estimate
from lowland.randomness import generator
from tests.base_options import base

OPTIONS = DisagreementOptions(**base("disagreement"))


def test_of_two_classes_one_probability_measure_is_kept_and_compared_with_the_energy():
    logits = torch.randn(300, 2, generator=generator("rows"))
    other = logits + 0.5 * torch.randn(300, 2, generator=generator("other rows"))
    targets = logits.softmax(1).multinomial(1, generator=generator("targets")).squeeze(1)
    scores = uncertainties(logits, OPTIONS, fitted_temperature(logits, targets))
    assert list(scores) == ["margin", "energy"]
    rankings = ranked(scores, torch.ones(300, dtype=torch.bool))
    rows = list(detection_rows(Answers(logits, targets, "test"), Reference("a", "float", other), rankings))
    assert [(row.measure, row.target) for row in rows] == [
        ("churn_coverage_area", "margin"),
        ("detection_auroc", "margin"),
        ("churn_coverage_area", "energy"),
        ("detection_auroc", "energy"),
        ("detection_advantage", "energy"),
    ]
    expected = risk_coverage_area(scores["margin"], logits.argmax(1) != other.argmax(1))
    assert (rows[0].estimate, rows[0].reference_kind) == (expected, "float") and expected.status == "ok"


def test_few_differences_have_no_area_under_churn_and_coverage():
    logits = torch.randn(300, 3, generator=generator("alike"))
    answers, every = Answers(logits, torch.zeros(300, dtype=torch.int64), "test"), torch.ones(300, dtype=torch.bool)
    other = logits.clone()
    other[:9] = logits[:9].roll(1, 1)
    for changed, status in ((logits, "undefined"), (other, "undefined"), (logits.roll(1, 1), "ok")):
        ranking = ranked({"margin": uncertainty(logits, "margin")}, every)
        area, _ = detection_rows(answers, Reference("a", "float", changed), ranking)
        assert (area.measure, area.estimate.status) == ("churn_coverage_area", status)


def test_scaled_measures_take_the_fitted_temperature_if_there_is_one():
    logits = torch.randn(50, 3, generator=generator("scaled"))
    scores = uncertainties(logits, OPTIONS, Estimate(2.5, 0.1, 50))
    assert torch.equal(scores["scaled_entropy"], uncertainty(logits, "entropy", temperature=2.5))
    for none in (None, Estimate(100.0, 0.1, 50, "not_converged"), Estimate.missing("non_finite")):
        assert set(uncertainties(logits, OPTIONS, none)) == set(OPTIONS.uncertainties)


def test_few_rows_have_fewer_bins():
    logits = torch.randn(7, 3, generator=generator("few"))
    rows = confidence_rows(Answers(logits, torch.zeros(7, dtype=torch.int64), "test", "pileup"), {}, num_bins=15)
    assert [(row.measure, row.estimate.status, row.condition) for row in rows] == [
        ("calibration_error", "ok", "pileup"),
        ("brier_score", "ok", "pileup"),
    ]
