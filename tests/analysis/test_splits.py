import pandas as pd
import pytest

from lowland.analysis.criteria import clean_criterion, criterion_values
from lowland.analysis.flip_comparison import compare_precisions, flip_verdicts
from lowland.analysis.half_lives import compare_half_lives, half_lives
from lowland.analysis.pareto import pareto
from lowland.analysis.score import score_of
from lowland.analysis.splits import on_split
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from tests.made_study.flips import TOUGH5, TOUGH8, flipped

KEYS = ["recipe", "seed", "precision"]


@pytest.fixture(scope="module")
def both(small):
    """On the rows that choose ``plain`` is better by far, on those that are told ``clipping`` is."""
    held_out = small[small.split == "test"]
    scores = held_out.measure == "accuracy"
    favours = {
        half: held_out.assign(
            split=half,
            value=held_out.value.where(~scores, held_out.value + 0.1 * (held_out.recipe == best).astype(float)),
        )
        for half, best in (("selection", "plain"), ("test", "clipping"))
    }
    return pd.concat([small[small.split != "test"], *favours.values()], ignore_index=True)


def test_one_half_goes_and_all_else_stays(both):
    told = on_split(both, "test")
    assert set(told.split) == {"test", "landscape", ""} and set(on_split(both, "selection").split) == {
        "selection",
        "landscape",
        "",
    }
    assert len(told) == (both.split != "selection").sum()


def test_what_is_chosen_on_one_half_is_told_from_the_other(both):
    told = on_split(both, "test")
    asked = TaskRequirements({"jets": Requirements(needs=[{"at_least": 0.8}], prefer=["score"])})
    found = recommend(on_split(both, "selection"), asked, reported=told)["tasks"]["jets"]
    chosen = found["chosen"]
    assert chosen["recipe"] == "plain" and chosen["numbers"]["score"]["met"] == "surely"
    score = clean_criterion(score_of(told))
    values = criterion_values(told, score).set_index(KEYS).value
    mean = values["plain", :, chosen["precision"]].mean()
    assert chosen["numbers"]["score"]["mean"] == pytest.approx(mean) and mean < 0.8
    assert found["tightest"]["to_spare"] < 0
    clean = next(entry for entry in found["requirements"] if entry["parameter"] == "needs[0]")
    assert clean["nearest"]["recipe"] == "plain" and clean["nearest_value"] < 0.8 and clean["shortfall"] > 0
    assert recommend(told, asked)["tasks"]["jets"]["chosen"]["recipe"] == "clipping"


def test_the_front_is_chosen_on_one_half_and_told_from_the_other(both):
    chosen = pareto(on_split(both, "selection"), reported=on_split(both, "test"))
    there, here = pareto(on_split(both, "selection")), pareto(on_split(both, "test"))
    assert list(chosen.columns) == list(here.columns)
    assert set(chosen.recipe[chosen.standing == "front"]) == {"plain"}
    pd.testing.assert_frame_equal(chosen[["standing", "dominated_by"]], there[["standing", "dominated_by"]])
    numbers = ["recipe", "precision", "robustness", "score", "size", "robust", "robust_low"]
    pd.testing.assert_frame_equal(chosen[numbers], here[numbers])


def test_the_toughest_under_flips_is_chosen_on_one_half_and_told_from_the_other():
    halves = pd.concat([flipped(TOUGH5).assign(split="selection"), flipped(TOUGH8).assign(split="test")])
    selection, test = on_split(halves, "selection"), on_split(halves, "test")
    frame = compare_precisions(selection, reported=test)
    (verdict,) = flip_verdicts(frame)
    for entry in verdict.entries:
        assert (entry.precision, entry.tied, entry.middle) == ("qat5", (), "yes")
        assert entry.mean == pytest.approx(0.605)
    told = compare_precisions(test)
    assert list(frame.columns) == list(told.columns)
    numbers = ["precision", "level", "mean", "low", "high", "num_recipes"]
    pd.testing.assert_frame_equal(frame[numbers], told[numbers])
    assert flip_verdicts(told)[0].average.precision == "qat8"


def test_the_toughest_without_a_number_on_the_rows_that_are_told_is_not_named():
    selection, test = flipped(TOUGH5), flipped({"qat8": TOUGH8["qat8"]})
    frame = compare_precisions(selection, reported=test)
    assert set(frame.precision) == {"qat8"} and not frame.toughest.any() and flip_verdicts(frame) == []
    nothing = flipped(TOUGH5).assign(status="failed")
    assert not compare_precisions(nothing, reported=test).tied.any()
    assert compare_precisions(selection, reported=nothing).empty


def test_the_longest_half_life_is_chosen_on_one_half_and_told_from_the_other():
    halves = flipped({"qat8": (0.3,), "qat5": (0.6,)}, "bit_error_rate", float("nan"), "half_life")
    halves = pd.concat([halves.assign(split="selection"), halves.assign(split="test", value=0.9 - halves.value)])
    chosen, told = (half_lives(on_split(halves, half)) for half in ("selection", "test"))
    of = {"recipe": "r0", "precisions": ("qat8", "qat5")}
    (row,) = compare_half_lives(chosen, **of, reported=told)
    assert row.toughest == (False, True)
    assert [life.value for life in row.half_lives] == pytest.approx([0.6, 0.3], rel=1e-3)
    (here,) = compare_half_lives(told, **of)
    assert (here.half_lives, here.toughest) == (row.half_lives, (True, False))
    (unchosen,) = compare_half_lives(chosen[:0], **of, reported=told)
    assert (unchosen.half_lives, unchosen.toughest) == (row.half_lives, (False, False))


def test_a_reader_that_sees_both_halves_is_refused(both):
    with pytest.raises(ValueError, match="hold both halves"):
        criterion_values(both, clean_criterion(score_of(both)))
