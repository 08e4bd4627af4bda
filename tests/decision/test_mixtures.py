"""An environment of one's own: the mean over circumstances, each with its share of the time."""

import numpy as np
import pytest
from pydantic import ValidationError

from lowland.analysis.criteria import criterion_values
from lowland.analysis.over_seeds import configurations, with_test_rows
from lowland.analysis.score import Score
from lowland.decision.numbers import Numbers
from lowland.decision.quantities import criterion_of, mixture_of
from lowland.decision.recommendation import recommend
from lowland.decision.requirement_checks import unmeasurable
from lowland.decision.requirements import Requirement, Requirements, TaskRequirements
from lowland.vocabulary.planned import Planned

ACCURACY = Score.named("accuracy")
CALM = {"share": 0.7}
NOISY = {"condition": "gaussian", "level": 10, "share": 0.2}
FLIPPED = {"condition": "bit_error_rate", "level": 1e-2, "share": 0.1}
MIXTURE = [CALM, NOISY, FLIPPED]


def mixed(parts, measure="accuracy", score=ACCURACY):
    found = [
        (criterion_of(score, measure, part.get("condition", ""), level=part.get("level")), part["share"])
        for part in parts
    ]
    return mixture_of(score, measure, found)


def test_the_value_of_every_cell_is_the_mean_of_its_parts(faulty):
    value = criterion_values(faulty, mixed(MIXTURE))
    parts = [
        criterion_values(faulty, criterion_of(ACCURACY, "accuracy", p.get("condition", ""), level=p.get("level")))
        for p in MIXTURE
    ]
    expected = sum(p["share"] * part.value for p, part in zip(MIXTURE, parts, strict=True))
    assert np.allclose(value.value, expected, equal_nan=True) and value.value.notna().any()
    variance = sum((p["share"] * part.standard_error) ** 2 for p, part in zip(MIXTURE, parts, strict=True))
    assert np.allclose(value.standard_error, np.sqrt(variance), equal_nan=True)
    broken = np.any([part.status != "ok" for part in parts], axis=0)
    assert ((value.status != "ok") == broken).all()


@pytest.mark.parametrize("part", [{}, {"condition": "gaussian", "level": 10}])
def test_a_mixture_of_one_thing_twice_is_that_thing(faulty, part):
    """Interval and all: the same rows and draws are in both."""
    alone, twice = criterion_of(ACCURACY, "accuracy", **part), mixed([part | {"share": 0.3}, part | {"share": 0.7}])
    first, second = (with_test_rows(configurations(faulty, [c]), faulty, [c]) for c in (alone, twice))
    for name in ("mean", "low", "high", "num_seeds"):
        assert np.allclose(first[name], second[name], equal_nan=True)


def test_it_is_asked_chosen_by_and_told_like_any_quantity(faulty):
    asked = Requirements(needs=[{"mixture": MIXTURE, "at_least": 0.3}], prefer=[{"mixture": MIXTURE}, "size"])
    answer = recommend(faulty, TaskRequirements({"jets": asked}))["tasks"]["jets"]
    name = "score_mixture_0.7_score_0.2_gaussian_10_0.1_bit_error_rate_0.01"
    assert answer["requirements"][0]["name"] == name and answer["chosen"]["numbers"][name]["met"] == "surely"
    assert answer["requirements"][0]["label"] == (
        "accuracy in a mixture: 70 % undisturbed, 20 % under 10 % Gaussian noise, 10 % at bit error rate 0.01"
    )
    means = Numbers(faulty, faulty).means(asked.preferences(ACCURACY)[0])
    best = means[means.index.get_level_values("recipe") == answer["chosen"]["recipe"]].max()
    assert answer["chosen"]["numbers"][name]["mean"] == pytest.approx(best) or answer["tied"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mixture": [CALM]}, "shares that sum to|one part"),
        ({"mixture": [{"share": 0.5}, {"share": 0.5}]}, "one twice"),
        ({"mixture": [CALM, NOISY]}, "sum to 0.9; expected 1"),
        ({"mixture": MIXTURE, "condition": "gaussian"}, "beside condition"),
        ({"mixture": MIXTURE, "measure": "half_life"}, "is of half_life"),
        ({"mixture": [{"share": 1.5}, NOISY]}, "less than 1"),
    ],
)
def test_what_is_no_mixture_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Requirement.model_validate({"at_least": 0.5, **given})


def test_a_part_that_is_not_measured_is_named_before_the_study():
    planned = [
        Planned(family="performance", measures=("accuracy",)),
        Planned(family="cost", measures=("size",)),
        Planned(family="noise", measures=("accuracy",), condition="gaussian", levels=(5.0,)),
    ]
    asked = Requirements(needs=[{"mixture": [{"share": 0.8}, NOISY], "at_least": 0.3}])
    assert list(unmeasurable(asked, planned=planned, score=ACCURACY)) == [
        ("needs[0].mixture[1].level", "is 10, which is not measured; expected one of 5, or add it to the study")
    ]


def test_errors_of_levels_add_and_those_of_conditions_do_not(faulty):
    """Levels share their draws."""
    other = NOISY | {"level": 50, "share": 0.7}
    levels, conditions = ([NOISY, other, FLIPPED], [FLIPPED, other | {"share": 0.9}])
    errors = {
        (c, level): criterion_values(faulty, criterion_of(ACCURACY, "accuracy", c, level=level)).standard_error
        for c, level in (("gaussian", 10), ("gaussian", 50), ("bit_error_rate", 1e-2))
    }
    of_levels = 0.2 * errors["gaussian", 10] + 0.7 * errors["gaussian", 50]
    flips = 0.1 * errors["bit_error_rate", 1e-2]
    found = criterion_values(faulty, mixed(levels)).standard_error
    assert np.allclose(found, np.hypot(of_levels, flips), equal_nan=True) and (found > 0).any()
    found = criterion_values(faulty, mixed(conditions)).standard_error
    assert np.allclose(found, np.hypot(0.9 * errors["gaussian", 50], flips), equal_nan=True)


def test_rows_that_tell_never_choose_by_a_mixture(faulty):
    """What is told of a mixture is of the other rows; who is chosen, by it and for it, is not."""
    asked = Requirements(needs=[{"mixture": MIXTURE, "at_least": 0.3}], prefer=[{"mixture": MIXTURE}, "size"])
    worse = faulty.assign(value=faulty.value.where(faulty.measure != "accuracy", 0.9 * faulty.value))
    first, second = (
        recommend(faulty, TaskRequirements({"jets": asked}), reported=table)["tasks"]["jets"]
        for table in (faulty, worse)
    )
    subjects = [
        [(c["recipe"], c["precision"]) for c in (a["chosen"], *a["tied"], a["runner_up"])] for a in (first, second)
    ]
    assert subjects[0] == subjects[1] and first["outcome"] == second["outcome"]
    (name,) = [n for n in first["chosen"]["numbers"] if "mixture" in n]
    assert second["chosen"]["numbers"][name]["mean"] == pytest.approx(0.9 * first["chosen"]["numbers"][name]["mean"])
    assert second["chosen"]["numbers"][name]["met"] == first["chosen"]["numbers"][name]["met"]
