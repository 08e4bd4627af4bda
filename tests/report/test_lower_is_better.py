"""What is true of an accuracy is true, upside down, of an error: a study told in EMD leads to the same choice."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.conditions import disturbances
from lowland.analysis.criteria import clean_criterion
from lowland.analysis.flip_comparison import LOST, compare_precisions, flip_verdicts
from lowland.analysis.over_seeds import configurations, with_test_rows
from lowland.analysis.pareto import pareto
from lowland.analysis.predictors import predictors
from lowland.analysis.responses import responses
from lowland.analysis.single_bits import single_bits
from lowland.analysis.statuses import failed, meaningless_measures, not_ok_counts
from lowland.decision.breaking_levels import breaking_levels
from lowland.decision.outcomes import ON_THE_MEAN, RECOMMENDED
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.report.figures import correlation_heatmap, recall_figure, score_curves
from lowland.report.figures.protection import protection_figure
from lowland.report.inputs import Facts
from lowland.report.score_text import ScoreText
from lowland.report.sentences.choice import blocked_sentence, choice_sentences
from lowland.report.sentences.flip_comparison import flip_sentences
from lowland.report.sentences.single_bits import bit_sentences
from lowland.report.style import Style
from tests.made_study.lower_is_better import CELLS, emd_of, pictures_with_emd, with_emd
from tests.made_study.pictures import TABLES
from tests.made_study.tables import Tables

EMD = ScoreText.named("emd")
SUBJECT = ("jets", "plain", "qat4", "qat", 4)


@pytest.fixture(scope="module")
def emd(faulty):
    return with_emd(faulty)


def _names(answer):
    return [(c["recipe"], c["precision"]) for c in (answer["chosen"], *answer["tied"])]


def test_the_front_is_the_same(tiny):
    few = tiny[tiny.family.isin(["performance", "cost", "noise", "bit_flip"])]
    accuracy, error = pareto(few), pareto(with_emd(few))
    assert list(error.robustness) == list(accuracy.robustness) and set(error.measure) == {"emd"}
    assert list(error.standing) == list(accuracy.standing)
    assert list(error.dominated_by) == list(accuracy.dominated_by)
    np.testing.assert_allclose(error.score, emd_of(accuracy.score))
    # Intervals end where the scores do, at an error of 0 and at a share of 1: mirrored in the middle, not at the ends.
    assert ((error.robust_low > 0) & (error.robust_low < error.robust) & (error.robust < error.robust_high)).all()
    assert ((accuracy.robust < accuracy.robust_high) & (accuracy.robust_high < 1) & (accuracy.robust_low > 0)).all()


@pytest.mark.parametrize(
    "prefer", [["score", "size"], ["size", "score"], [{"condition": "bit_error_rate", "level": 1e-3}]]
)
def test_the_choice_is_the_same(small, prefer):
    def answer(table, *needs):
        asked = Requirements(needs=needs, prefer=prefer)
        return next(iter(recommend(table, TaskRequirements({table.task.iloc[0]: asked}))["tasks"].values()))

    flipped = {"condition": "bit_error_rate", "level": 1e-3}
    demanded = answer(small, {"at_least": 0.6}, flipped | {"at_least": 0.5})
    mirrored = answer(with_emd(small), {"at_most": emd_of(0.6)}, flipped | {"at_most": emd_of(0.5)})
    assert mirrored["outcome"] == demanded["outcome"] == RECOMMENDED
    assert _names(mirrored) == _names(demanded)
    assert [r["num_meeting_on_the_mean"] for r in mirrored["requirements"]] == [
        r["num_meeting_on_the_mean"] for r in demanded["requirements"]
    ]
    assert [(e["condition"], e["first_lost"]) for e in mirrored["breaking_levels"]] == [
        (e["condition"], e["first_lost"]) for e in demanded["breaking_levels"]
    ]
    assert mirrored["tightest"]["to_spare"] > 0
    assert mirrored["chosen_by"]["num_competing"] == demanded["chosen_by"]["num_competing"]
    assert not mirrored["chosen_by"]["steps"][0]["higher_is_better"]
    assert "lowest" in " ".join(choice_sentences(mirrored, EMD)) or prefer[0] == "size"


def test_a_lower_error_is_asked_for_and_missed_from_above(small):
    table = with_emd(small)
    clean = configurations(table, [clean_criterion(EMD)])["mean"]
    for limit, outcome in ((clean.min() + 1e-9, ON_THE_MEAN), (clean.min() - 0.01, None)):
        answer = recommend(table, TaskRequirements({"econ": Requirements(needs=[{"at_most": float(limit)}])}))["tasks"][
            "econ"
        ]
        assert (answer["outcome"] == ON_THE_MEAN) == (outcome == ON_THE_MEAN)
    assert answer["requirements"][0]["shortfall"] == pytest.approx(0.01)
    assert "clean EMD ≤ " in blocked_sentence(answer, EMD)


def test_a_task_without_requirements_is_asked_nothing(small):
    both = pd.concat([small, with_emd(small)], ignore_index=True)
    found = recommend(both, TaskRequirements({"jets": Requirements(needs=[{"at_least": 0.99}])}))["tasks"]
    assert found["jets"]["chosen"] is None and found["jets"]["score"] == "accuracy"
    assert found["econ"]["requirements"] == [] and found["econ"]["chosen"] and found["econ"]["score"] == "emd"


def test_what_gives_way_is_what_rises_above_the_limit(faulty, emd):
    for floor in (0.5, 0.7):
        ours = breaking_levels(faulty, SUBJECT, floor=floor)
        theirs = breaking_levels(emd, SUBJECT, floor=emd_of(floor))
        assert [e["first_lost"] for e in theirs] == [e["first_lost"] for e in ours]


def test_the_toughest_under_flips_is_the_same(faulty, emd):
    for of in ("left", LOST):
        one, other = compare_precisions(faulty, of=of), compare_precisions(emd, of=of)
        assert list(other.toughest) == list(one.toughest) and list(other.tied) == list(one.tied)
    sentence = flip_sentences(flip_verdicts(compare_precisions(emd), compare_precisions(emd, of=LOST)), EMD)
    assert "EMD stays lowest with" in sentence and "The EMD rises least, which flatters" in sentence
    assert "cells on average" in sentence and "%" not in sentence


def test_responses_and_predictors_have_the_names_of_the_score(emd):
    assert set(responses(emd).response) == {"loss_rise", "emd_rise"}
    assert "clean_emd" in set(predictors(emd).predictor)
    both = pd.concat([emd, emd.assign(task="other")], ignore_index=True)
    assert predictors(both).groupby("task").size().nunique() == 1


def _plain_half(row):
    """Half of an error's interval before it was bent so that it ends at 0."""
    return np.sqrt((row.low + row.high - 2 * row["mean"]) * row["mean"])


def test_the_error_of_the_test_rows_is_in_proportion_to_the_score(small):
    table = with_emd(small)
    flipped = {"condition": "bit_error_rate", "level": 1e-3, "at_most": 2.0}
    criteria = Requirements(needs=[{"at_most": 1.0}, flipped]).demands(EMD)
    found = with_test_rows(configurations(table, [c for _, c, _ in criteria]), table, [c for _, c, _ in criteria])
    of = found[(found.recipe == "plain") & (found.precision == "qat4")].set_index("criterion")
    clean, flipped = of.loc["score"], of.loc["score_bit_error_rate_0.001"]
    rows = CELLS * 0.006  # what the made-up study says of the test rows
    expected = np.hypot(clean.half, 1.96 * rows)
    assert _plain_half(clean) == pytest.approx(expected, rel=1e-4)
    draws = table[
        (table.condition == "bit_error_rate")
        & (table.level == 1e-3)
        & (table.measure == "emd")
        & (table.recipe == "plain")
        & (table.precision == "qat4")
    ].standard_error
    squares = (draws**2).mean() + (rows / clean["mean"] * flipped["mean"]) ** 2
    expected = np.hypot(flipped.half, 1.96 * np.sqrt(squares))
    assert _plain_half(flipped) == pytest.approx(expected, rel=1e-4)


def test_decisions_that_nobody_makes_are_no_failures(emd):
    assert (emd.status == "undefined").any() and not failed(emd).any() and not_ok_counts(emd).empty
    assert set(meaningless_measures(emd)) == {"flip_mismatch_curvature", "output_entropy"}
    some = emd.copy()
    at = some.index[(some.measure == "output_entropy") & (some.precision == "qat4")]
    some.loc[at, ["status", "value"]] = ["ok", 1.0]
    assert not_ok_counts(some).rows.sum() == (some.measure == "output_entropy").sum() - len(at)


def test_figures_are_labelled_in_cells(emd):
    style = Style.of(emd)
    curves = score_curves(emd, condition="gaussian", style=style)
    assert curves.layout.yaxis.title.text == "EMD, in cells (lower is better)" and not curves.layout.yaxis.tickformat
    low, high = curves.layout.yaxis.range
    shown = [t for t in curves.data if t.visible and t.mode == "lines+markers"]
    assert all(low < min(t.y) and max(t.y) < high for t in shown)
    assert recall_figure(emd, style=style).layout.updatemenus[0].buttons[1].label == "worst: by the EMD"
    assert len(disturbances(emd)) > 8
    plan = protection_figure(pictures_with_emd({"protection": TABLES["protection"]()})["protection"])
    assert plan.layout.yaxis.title.text == "EMD, in cells (lower is better)" and not plan.layout.yaxis.tickformat


def test_single_bits_in_cells(emd):
    pictures = pictures_with_emd({name: TABLES[name]() for name in ("flip_map", "protection")})
    style = Style.of(emd)
    found = single_bits(emd, pictures, recipes=style.recipes, precisions=style.precisions, preferred="plain")
    words = " ".join(sentence for network in found.networks for sentence in bit_sentences(network, EMD))
    assert "The worst single flip costs 1.0 cells of EMD" in words
    assert "holds the limit of 1.21 cells" in words and "EMD is 1.38 ± 0.01 cells without protection" in words
    assert "brings EMD from 1.36 cells to 2.00 cells with 1 and 3.20 cells with 10 flips." in words
    assert " points" not in words and "accuracy" not in words


READINGS = {"unit": 1.0, "extremes": (0.0, 1.0), "limits": (0.0, None)}


@pytest.fixture(scope="module")
def page(tiny, faulty):
    jets = tiny[tiny.family.isin(["performance", "cost", "noise", "shift"])]
    few = faulty[(faulty.family != "landscape") | faulty.measure.isin(["flip_curvature", "weight_norm"])]
    tables = Tables.of(pd.concat([jets, with_emd(few)], ignore_index=True), Requirements(), 2)
    pictures = pictures_with_emd({name: TABLES[name]() for name in ("flip_map", "protection")})
    return tables, tables.report(pictures=pictures, facts={"econ": Facts(readings=READINGS)})


def test_two_tasks_are_told_each_in_its_own_words(page):
    tables, text = page
    body = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    words = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))
    assert "2 tasks × 2 training recipes" in words and "Size, score, robustness" in words
    assert "clean EMD" in words and "clean accuracy" in words
    assert words.count("For this task 1 stands for every standard deviation") == 3
    assert "standard deviation and 0 and 1 stand for the smallest and largest value of every feature, in" in words
    assert words.count("stand for the smallest") == 1  # of noise: other faults keep to the training range
    assert "Noise on the inputs (jets)." in words and "Noise on the inputs (econ)." in words
    assert words.count("No reading can lie below 0: what would is cut off there.") == 3
    assert words.count("here no reading can lie below 0, noise is cut off there") == 1, "beside econ's predictions only"
    assert words.count("Shifted data. Test sets") == 1, "what is the same for both tasks is told once"
    assert text.count('<a href="#answer-') == text.count('id="answer-') == 2
    assert "EMD has risen half way" in words and "accuracy has fallen" not in words, "jets measured no half-lives here"
    assert "Clean EMD, in cells" in words and "Clean accuracy, in per cent" in words
    assert "Without a meaning for econ, and so without a number; nothing failed: flip mismatch, output entropy" in words
    assert "nothing failed, nothing was left out" in words
    labels = {
        button["label"]
        for figure in (correlation_heatmap(tables.correlations[tables.correlations.task == "econ"]),)
        for button in figure.to_plotly_json()["layout"]["updatemenus"][0]["buttons"]
    }
    assert any("EMD rise" in label for label in labels) and not any("accuracy" in label for label in labels)
