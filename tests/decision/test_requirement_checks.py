"""Requirements against what the study will measure, before it runs."""

import pytest

from lowland.analysis.score import Score
from lowland.config import validate
from lowland.decision.requirement_checks import unmeasurable
from lowland.decision.requirements import Requirements
from lowland.measurable import measurable
from lowland.tasks import build_task
from tests.studies import default_parameters

ACCURACY = Score.named("accuracy")


@pytest.fixture(scope="module")
def planned():
    study = validate(default_parameters())
    return measurable(study.parts, build_task(study.tasks["jets"]))


def _mistakes(planned, *needs, **others):
    asked = Requirements(needs=needs, **others)
    return [f"{option} {what}" for option, what in unmeasurable(asked, planned=planned, score=ACCURACY)]


def test_what_the_study_measures_is_not_refused(planned):
    needs = [
        {"measure": "accuracy", "at_least": 0.5},
        {"condition": "gain_drift", "level": 10, "at_least": 0.5},
        {"condition": "requantization", "level": 4, "at_least": 0.5},
        {"condition": "pgd_linf", "level": "mean", "at_least": 0.5},
        {"condition": "pileup", "at_least": 0.5},
        {"condition": "bit_error_rate", "target": "scales", "level": 0.001, "at_least": 0.5},
        {"condition": "transient_bit_error_rate", "target": "activations", "level": 0.001, "at_least": 0.5},
        {"measure": "half_life", "condition": "requantization", "at_most": 3},
        {"measure": "gain_over_guess", "at_least": 0.1},
        {"measure": "input_curvature", "condition": "gaussian", "level": 10, "at_most": 1},
        {"measure": "sample_gradient_norm", "level": 0.95, "at_most": 1},
        {"measure": "protected_bits", "level": 0.001, "at_most": 100},
        {"measure": "output_entropy", "at_least": 0.1},
        {"measure": "output_entropy", "at_most": 1},
    ]
    assert not _mistakes(planned, *needs, prefer=[{"condition": "pileup"}, "hessian_trace"])


CLEAN = "expected one of score, loss, gain_over_guess, deployment_mismatch, integer_mismatch_rate, "
CLEAN += "integer_decision_rate, size, bit_operations, parameters, calibration_error, brier_score, policy_drop, "
CLEAN += "policy_broken, "
CLEAN += "or a measure of the landscape "
CLEAN += "or of single bits"
NOT = "which is not measured; expected"
MEANT = f"{NOT} one of those that are; did you mean"
GAUSSIAN, RATE, DRIFT = (
    {"condition": condition, "level": level}
    for condition, level in (("gaussian", 5), ("bit_error_rate", 1e-3), ("gain_drift", 10))
)


@pytest.mark.parametrize(
    "need, message",
    [
        (
            {"measure": "acuracy"},
            "measure is 'acuracy'; expected a measure that this study takes of every network; did you mean accuracy?",
        ),
        ({"measure": "emd"}, f"measure is 'emd', which this study does not take; {CLEAN}"),
        ({"measure": "cka"}, f"measure is 'cka', which compares two networks; {CLEAN}"),
        (GAUSSIAN | {"measure": "size"}, f"condition is 'gaussian', {NOT} none"),
        (GAUSSIAN | {"condition": "gausian"}, f"condition is 'gausian', {MEANT} gaussian?"),
        ({"measure": "input_curvature"}, "condition is missing; expected one of gaussian"),
        (DRIFT | {"target": "weights"}, f"target is 'weights', {NOT} none"),
        (RATE | {"target": "scale"}, f"target is 'scale', {MEANT} scales?"),
        (RATE | {"condition": "transient_bit_error_rate"}, "target is missing; expected one of activations"),
        (
            RATE | {"target": "float32"},
            f"target is 'float32', {NOT} one of scales, or none: float32 words are asked about by the name of the "
            "codes that they stand beside",
        ),
        (GAUSSIAN | {"level": 7}, f"level is 7, {NOT} one of 5, 10, 15, 20, 30, 50, or add it to the study"),
        ({"condition": "gaussian"}, "level is missing; expected one of 5, 10, 15, 20, 30, 50, or mean over all"),
        ({"level": 7}, "level is 7, but score has no levels there; expected none"),
        (
            {"measure": "half_life", "condition": "gaussian", "level": "mean"},
            "level is mean, but half_life has no levels there; expected none",
        ),
        ({"at_most": 0.6}, "at_most is 0.6, but of accuracy higher is better; expected at_least"),
        (
            {"measure": "half_life", "condition": "requantization"},
            "at_least is 0.5, but of half-life lower is better; expected at_most",
        ),
        (
            GAUSSIAN | {"measure": "mismatch_rate", "at_most": 5},
            "at_most is 5; expected 0 to 1, what changed decisions can be; 5 % is 0.05",
        ),
        ({"measure": "size", "at_most": -1}, "at_most is -1; expected at least 0, what size can be"),
    ],
)
def test_what_the_study_does_not_measure_is_one_line(planned, need, message):
    need = need if "at_most" in need else need | {"at_least": 0.5}
    assert _mistakes(planned, need) == [f"needs[0].{message}"]


def test_every_mistake_has_a_line_and_what_was_told_is_not_told_again(planned):
    rain = {"condition": "rainfall"}
    mistakes = _mistakes(
        planned,
        rain | {"at_least": 0.5},
        {"at_least": 0.5},
        {"measure": "accuracy", "at_least": 0.6},
        prefer=[rain, "output_entropy", "sice"],
    )
    assert [line.split(" ")[0] for line in mistakes] == [
        "needs[0].condition",
        "needs[2]",
        "prefer[1].measure",
        "prefer[2].measure",
    ]
    assert mistakes[1] == "needs[2] sets a second at_least for what needs[1] is about; expected one"
    assert mistakes[2].endswith("neither end of which is better; expected one that has")
