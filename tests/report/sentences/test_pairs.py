"""Students under policies, in words and as rows of a table."""

from lowland.analysis.pairs import pairs_of
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.pairs import pair_rows, pair_sentences, policy_label
from tests.made_study.worst_case import students

SCORE = ScoreText.of(Score.named("accuracy"))


def sentences(rows):
    (pairs,) = pairs_of(rows)
    return " ".join(pair_sentences(pairs, SCORE))


def test_a_row_a_student_with_what_it_loses_before_and_after_equalization():
    (pairs,) = pairs_of(students())
    rows = pair_rows(pairs, SCORE)
    assert [row["student"] for row in rows] == ["detrimental student", "robust student", "control student"]
    assert rows[0]["accuracy"] == "65.0 %" and rows[0]["cells"] == [
        ("50", "40"),
        ("25", "20"),
        ("25", "20"),
        ("50", "40"),
    ]
    assert policy_label("detrimental_policy") == "the detrimental policy" and policy_label("my_own") == "my own"


def test_what_survives_equalization_belongs_to_the_function():
    told = sentences(students())
    assert (
        "loses 50 points under the policy that was searched against it, the control 20 points under the worst" in told
    )
    assert "still loses 40 points" in told and "The robust student loses 1 point under" in told
    rows = students()
    rows.loc[rows.measure == "pair_drop_equalized", "value"] = 0.0
    assert "channel scales did it" in sentences(rows)
    rows.loc[rows.measure == "pair_drop_equalized", "value"] = 0.6
    assert "is a property of the function." in sentences(rows)
    assert "went with channel scales" not in sentences(rows)


def test_equal_accuracy_is_told_as_often_as_it_is_sure():
    assert "of each other in 1 of 2 seeds (two one-sided tests" in sentences(students())
    one = students(seeds=("s0",))
    assert "are surely within one point" in sentences(one)
    doubtful = one.assign(value=one.value.mask(one.measure == "accuracy_equivalence", 0.3))
    assert "are not surely within one point" in sentences(doubtful)


def test_only_what_was_measured_is_told():
    rows = students()
    few = rows[(rows.condition != "control_student") & (rows.measure == "pair_drop")]
    told = sentences(few)
    assert "control" not in told and "equalized" not in told and "float arithmetic" not in told
    few = few[few.condition == "robust_student"]
    assert sentences(few).startswith("The robust student loses 1 point")


def test_where_nothing_was_lost_equalization_undid_nothing():
    rows = students()
    rows.loc[rows.measure.isin(["pair_drop", "pair_drop_equalized"]), "value"] = -0.01
    told = sentences(rows)
    assert "The detrimental student loses nothing" in told and "equalized" not in told
