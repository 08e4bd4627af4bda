"""The inputs that suffer most, as rows and in a sentence."""

from lowland.analysis.policies import of_policies
from lowland.report.sentences.worst_inputs import detection_sentence, input_rows, inputs_sentence
from tests.made_study.pictures import worst_inputs
from tests.made_study.protections import protections

TABLE = worst_inputs().head(2)


def test_what_they_have_in_common():
    told = inputs_sentence(TABLE)
    assert told.startswith("Of the 2 inputs that lose most, 1 gets another answer.")
    assert "before layer a in 1 of 2" in told
    assert "layer" not in inputs_sentence(TABLE.assign(crest_layer=""))
    assert inputs_sentence(TABLE.head(1)) == "The input that loses most gets another answer."


def test_a_row_an_input():
    first, second = input_rows(TABLE)
    assert first["row"] == "7" and first["answers"] == "1 \N{RIGHTWARDS ARROW} 2"
    assert (first["margin"], first["under"]) == ("1.5", "\N{MINUS SIGN}0.5") and second["layer"] == "b"
    bare = input_rows(TABLE.assign(answer=-1, answer_under=-1, margin=float("nan")))
    assert bare[0]["answers"] == bare[0]["margin"] == ""


def test_what_tells_them_is_listed_best_first():
    areas = of_policies(protections(recipes=("plain",)), ("broken_auroc",))
    assert "break it: a small margin 0.90 and a high crest factor 0.60 (area" in detection_sentence(areas)
    assert detection_sentence(areas.head(0)) == ""
