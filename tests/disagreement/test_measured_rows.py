"""Rows of the long table about disagreements."""

import torch

from lowland.disagreement import DisagreementOptions, fitted_temperature, uncertainty
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
        ("detection_auroc", "margin"),
        ("detection_auroc", "energy"),
        ("detection_advantage", "energy"),
    ]


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
