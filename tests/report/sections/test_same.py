"""The section on changed answers: rates beside the noise of seeds, detectors, abstention, and what is absent."""

import pytest

from lowland.analysis.stability import changed_answers, changes_of_configurations
from lowland.measurements import stack
from lowland.report.figures.churn import LEAST, churn_figure, churn_points
from lowland.report.sentences.stability import (
    abstention_sentences,
    control_sentence,
    points,
    points_text,
    rate_text,
    reference_sentence,
    training_sentence,
)
from tests.analysis.test_precision_roles import with_controls
from tests.made_study.answers import answers
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables

CHOSEN = {"recipe": "plain", "precision": "qat4"}


def section(*tables):
    """The section of a page where the recommendation is plain at qat4."""
    recommendation = {"tasks": {"jets": {"chosen": CHOSEN, "nearest": None, "best": None}}}
    return section_of("same", Tables.of_recommendation(stack(tables), recommendation))


def told(tiny, **options):
    return text_of(section(tiny, answers(**options)))


def test_it_stands_only_where_networks_were_compared(tiny):
    assert section(tiny) == ""


def test_churn_stands_beside_new_errors_accuracy_and_the_noise_of_seeds(tiny):
    text = told(tiny)
    assert "The recommended configuration plain , qat4" in text
    assert "nominal rows 2.2 %" in text and "0.88 % 0.44 % \N{MINUS SIGN}0.44 points 10 %" in text
    assert "mean of 2 shifted sets 5.5 %" in text
    assert "qat4 less ptq4" in text and "95 % over 2 recipes" in text
    assert "clipping changes the fewest answers on shifted data" in text
    assert "entropy 0.850 0.850 24 / 0 of 24" in text


def test_what_is_absent_is_said_in_a_line(tiny):
    text = told(tiny, sets={"": 1.0})
    assert "There is no shifted set" in text
    assert "not measured; the task keeps no rows for the split threshold" in text
    rows = answers()
    without = rows[~rows.measure.str.startswith("detection")]
    assert "too few to say which score" in text_of(section(tiny, without))


def test_many_shifted_sets_stand_behind_a_click(tiny):
    names = ("smeared", "pileup", "high_pt", "mnist", "usps", "gaussian")
    assert "2 further shifted sets" in told(tiny, sets={"": 1.0} | dict.fromkeys(names, 2.0))


def test_abstention_is_told_with_what_is_not_promised():
    rows = answers(abstain=True)
    own = rows[(rows.recipe == "plain") & (rows.precision == "qat4")]
    (sentence,) = abstention_sentences(own)
    assert "At most 5 % wrong answers" in sentence and "90 % of the nominal rows, 2 % of these wrongly" in sentence
    assert "nothing is promised, 38 %, 5 % of these wrongly" in sentence
    assert "proved for 2 of 2 seeds" in sentence
    none = own.assign(status="undefined", value=float("nan"))
    assert "no threshold could be proved" in next(iter(abstention_sentences(none)))


def test_a_seed_that_proved_nothing_answers_nothing():
    rows = answers(abstain=True)
    own = rows[(rows.recipe == "plain") & (rows.precision == "qat4")].copy()
    own.loc[(own.seed == "s1") & (own.reference == ""), ["value", "status"]] = [float("nan"), "undefined"]
    (sentence,) = abstention_sentences(own)
    assert "proved for 1 of 2 seeds: it answers 45 % of the nominal rows, 2 % of these wrongly" in sentence
    assert "promised, 19 %, 5 % of these" in sentence


def test_controls_are_told_apart(tiny):
    rows = with_controls()
    widths = {"qat4": ("qat", 4.0, 4.0), "ptq4": ("ptq", 4.0, 4.0), "ptq4_tuned": ("ptq", 4.0, 4.0)}
    changes = changed_answers(rows)
    plain = training_sentence(changes, widths, controls=["ptq4_tuned"])
    assert "qat4 less ptq4 " in plain and "ptq4_tuned" not in plain
    control = control_sentence(changes, widths, ["ptq4_tuned"])
    assert "qat4 less ptq4_tuned " in control and "ptq4 " not in control
    assert control_sentence(changes, widths, []) == ""
    text = text_of(section(tiny, rows))
    assert "trained on without them. The control" in text
    assert "entropy 0.850 0.850 24 / 0 of 24" in text, "without the controls' 24"
    assert "Left out: fp32_tuned is fine-tuned without quantizers, ptq4_tuned is fine-tuned" in text


def test_a_precision_that_hardly_codes_weights_is_in_no_count_of_detectors(tiny):
    rows = answers()
    sizes = rows[rows.precision.isin(["fp32", "ptq4"]) & (rows.measure == "churn") & (rows.condition == "")]
    sizes = sizes[sizes.reference_kind == rows.reference_kind.where(rows.method != "float", "seed")[sizes.index]]
    sizes = sizes.drop_duplicates(["recipe", "precision"]).assign(
        family="cost", measure="size", reference="", reference_kind="", split=""
    )
    sizes["value"] = sizes.method.map({"float": 1000.0, "ptq": 980.0})
    own = tiny[~tiny.measure.eq("size")]
    text = text_of(section(own, rows, sizes))
    assert "Left out: ptq4 codes 2.3 % of the weights" in text and "entropy 0.850 0.850 12 / 0 of 12" in text


def test_the_figure_draws_every_configuration_once():
    rows = answers()
    points = churn_points(rows).set_index(["recipe", "precision"])
    assert points.shifted["plain", "ptq4"] == pytest.approx(0.05 * 2.5 * 1.1)
    figure = churn_figure(rows, chosen=("plain", "qat4"))
    drawn = {trace.name: trace for trace in figure.data if trace.name}
    assert set(drawn) == {"qat4", "ptq4"}
    assert drawn["ptq4"].x[0] == pytest.approx(0.05 * 1.1) and drawn["ptq4"].y[0] == pytest.approx(0.1375)
    assert figure.data[-1].marker.symbol == "circle-open"
    low, high = (10**end for end in figure.layout.xaxis.range)
    assert 0.002 < low < points.nominal.min() and points.shifted.max() < high
    none = churn_figure(rows.assign(value=0.0))
    assert none.data[1].x[0] == LEAST and none.layout.xaxis.range[0] < none.layout.xaxis.range[1]
    assert not churn_figure(rows[rows.measure != "churn"]).data


def test_numbers_are_written_as_they_are():
    assert (rate_text(0.0123), rate_text(float("nan"))) == ("1.2 %", "no number")
    assert (rate_text(1.0), rate_text(0.9999), points(float("nan"), "-")) == ("100 %", "100 %", "-")
    assert (points_text(-0.0123), points_text(-3e-18)) == ("\N{MINUS SIGN}1.2 points", "0 points")


def test_other_references_are_told():
    rows = answers()
    rows = rows[(rows.recipe == "plain") & (rows.precision == "qat4") & (rows.reference_kind == "float")]
    means = changes_of_configurations(changed_answers(rows.assign(reference_kind="runtime")))
    assert reference_sentence(means) == (
        "It differs from the same network in another runtime: 2.2 % (5.5 % on shifted data)."
    )
    assert reference_sentence(changes_of_configurations(changed_answers(rows))) == ""
