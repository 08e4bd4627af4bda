"""Outputs that are no numbers and attacks that could not see are said beside the curves."""

from lowland.analysis.spoiled_shares import spoiled_shares
from lowland.report.score_text import ScoreText
from lowland.report.sentences.caveats import caveats


def of(measurements):
    return caveats(spoiled_shares(measurements), ScoreText.named("accuracy"))


def test_outputs_that_are_no_numbers_by_precision_at_the_worst_level(faulty):
    (sentence,) = of(faulty)["memory"]
    assert sentence == (
        "Outputs that are no numbers count as wrong (bit flips in float32 words, fixed number, at 100 flips: 1 % of "
        "the outputs of fp32)."
    )
    more = faulty.copy()
    more.loc[more.measure == "non_finite_rate", "value"] = 0.25
    assert "25 % of the outputs of fp32" in of(more)["memory"][0]


def test_where_all_outputs_are_numbers_nothing_is_said(faulty):
    none = faulty.copy()
    none.loc[none.measure == "non_finite_rate", "value"] = 0.0
    assert "memory" not in of(none)


def test_blind_attacks_are_named_above_one_per_cent(faulty):
    (sentence,) = of(faulty)["attacks"]
    assert "one-step attack (FGSM, L∞), at 0.1 σ: 30 % of the rows of qat4" in sentence
    assert "ptq8" not in sentence and "PGD" not in sentence
    seeing = faulty.copy()
    seeing.loc[seeing.measure == "blind_rate", "value"] = 0.01
    assert "attacks" not in of(seeing)


def test_an_older_study_has_none(small):
    assert of(small[small.measure == "accuracy"]) == {}
