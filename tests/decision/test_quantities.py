import pytest

from lowland.analysis.criteria import SIZE, clean_criterion
from lowland.analysis.score import UNKNOWN, Score
from lowland.decision.quantities import better_end, criterion_of

ACCURACY, EMD = Score.named("accuracy"), Score.named("emd")


@pytest.mark.parametrize(
    "asked, name, label, family",
    [
        (("accuracy", "gaussian", "", 10), "score_gaussian_10", "accuracy under 10 % Gaussian noise", "noise"),
        (
            ("accuracy", "bit_error_rate", "", 1e-3),
            "score_bit_error_rate_0.001",
            "accuracy at bit error rate 0.001",
            "bit_flip",
        ),
        (
            ("accuracy", "bit_error_rate", "scales", 1e-3),
            "score_scales_bit_error_rate_0.001",
            "accuracy at bit error rate 0.001 in scales",
            "bit_flip",
        ),
        (
            ("mismatch_rate", "pgd_linf", "", 0.2),
            "mismatch_rate_pgd_linf_0.2",
            "changed decisions under iterated attack (PGD, L∞), 0.2 σ",
            "adversarial",
        ),
        (("accuracy", "fog", "", None), "score_fog", "accuracy under fog, mean of all levels", "image_corruption"),
        (("accuracy", "rain", "", None), "score_rain", "accuracy under rain", "shift"),
        (("half_life", "gain_drift", "", None), "half_life_gain_drift", "half-life under gain drift", "sensor_fault"),
        (
            ("input_curvature", "gaussian", "", 10),
            "input_curvature_gaussian_10",
            "input curvature under 10 % Gaussian noise",
            "landscape",
        ),
        (("protected_bits", "", "", 1e-3), "protected_bits_0.001", "bits to protect at 10⁻³", "bit_flip"),
        (("ranking_recall", "matched", "", 10), "ranking_recall_matched_10", None, "bit_flip"),
        (("loss", "", "", None), "loss", "loss", "performance"),
    ],
)
def test_any_measure_under_any_condition_has_a_name_words_and_a_family(asked, name, label, family):
    measure, condition, target, level = asked
    criterion = criterion_of(ACCURACY, measure, condition, target, level=level)
    assert (criterion.name, criterion.family, criterion.level) == (name, family, level)
    assert label is None or criterion.label == label


def test_size_and_clean_score_are_those_of_the_front():
    assert criterion_of(ACCURACY, "size") == SIZE
    assert criterion_of(EMD, "emd") == clean_criterion(EMD)
    assert criterion_of(UNKNOWN, "score") == clean_criterion(UNKNOWN)


def test_each_measure_has_its_better_end():
    assert better_end(EMD, "emd", "gaussian") == better_end(EMD, "score_after_search") == "low"
    assert better_end(ACCURACY, "half_life", "gaussian") == "high"
    assert better_end(ACCURACY, "half_life", "requantization") == "low", "the fewer bits of an ADC do"
    assert better_end(ACCURACY, "loss_rise", "gaussian") == "low"
    assert better_end(ACCURACY, "phase_error") is None


def test_a_limit_against_the_usual_direction_is_a_criterion_of_its_own():
    plain = criterion_of(Score.named("vector_error"), "phase_error")
    least, most = plain.towards("high"), plain.towards("low")
    assert least.name == plain.name != most.name and least.higher_is_better and not most.higher_is_better
