"""The page: complete, self-contained, the same every time, and honest about what failed."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from lowland.decision.requirements import Requirements
from lowland.measurements import Cell, unavailable
from lowland.report.figures import PICTURES
from tests.made_study.pictures import TABLES
from tests.made_study.study import study
from tests.made_study.tables import Tables

COMMANDS = ("make setup", "make run && python -m webbrowser 'a.html'", "make run")


@pytest.fixture(scope="module")
def page(tables):
    return tables.report(task_descriptions={"jets": "Jets of particles."}, commands=COMMANDS)


def _without_scripts(page):
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def _text(page):
    text = re.sub(r"<style>.*?</style>", "", _without_scripts(page), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def _figures(page):
    return json.loads(re.search(r"var figures = (\{.*?\n?\});\n", page, flags=re.DOTALL).group(1).replace("<\\/", "</"))


def test_it_needs_nothing_else(page):
    body = _without_scripts(page)
    assert not re.search(r"https?://", body)
    assert not re.search(r'(src|href)="(?!#|data:|study\.yml")', body)
    assert "@import" not in body
    assert page.count("* plotly.js v") == 1


def test_the_answer_comes_first(tables, page):
    body = _without_scripts(page)
    assert body.index('id="answer"') < body.index('id="disturbed"')
    chosen = tables.recommendation["tasks"]["jets"]["chosen"]
    answer = _text(body[body.index('<section id="answer"') : body.index('<section id="disturbed"')])
    assert f"Train with {chosen['recipe']} and deploy at {chosen['precision']}" in answer
    assert "holds all 4 requirements" in answer
    assert re.findall(r'data-outcome="([^"]*)"', body) == ["recommended"]


def test_every_figure_has_its_place_and_every_place_its_figure(page):
    places = re.findall(r'<div class="figure[^"]*" id="([^"]+)"', page)
    assert len(places) == len(set(places)) > 10
    assert sorted(places) == sorted(_figures(page))


def test_ids_are_unique(page):
    ids = re.findall(r'\bid="([^"]+)"', _without_scripts(page))
    assert len(ids) == len(set(ids))


def test_it_says_what_it_must(page):
    text = _text(page)
    for needed in (
        "FPGA's configuration memory",
        "the frozen network at its dequantized weights",
        "is p/100 of the standard deviation",
        "resampling the recipes",
        "8 recipes, 3 seeds, 7 precisions",
        "nothing failed",
        "Glossary",
        "make run",
    ):
        assert needed in text


def test_every_command_has_its_line_and_no_commands_no_box(page, tiny):
    shown = re.search(r"<pre><code>(.*?)</code></pre>", _without_scripts(page), flags=re.DOTALL).group(1)
    assert html.unescape(shown).strip().splitlines() == list(COMMANDS)
    assert "<pre>" not in _without_scripts(Tables.of(tiny, Requirements(), 10).report(commands=()))


def test_intervals_of_requirements_say_what_they_are_over(tables, page):
    text = _text(page)
    assert "95 % interval over seeds, test rows and draws" in text
    assert "sampling error of the test rows" in text
    accuracy = tables.recommendation["tasks"]["jets"]["chosen"]["numbers"]["score"]
    assert f"{100 * accuracy['low']:.1f} % to {100 * accuracy['high']:.1f} %" in text


@pytest.fixture(scope="module")
def unlucky(tiny):
    """A study with a failed cell, an iteration that did not converge, and requirements that nothing meets."""
    kept = tiny[~((tiny.recipe == "plain") & (tiny.seed == "s1") & (tiny.precision == "qat4"))].copy()
    cell = Cell(
        task="jets", recipe="plain", seed="s1", precision="qat4", method="qat", weight_bits=4, activation_bits=4
    )
    failed = [unavailable(cell, family, "failed") for family in ("performance", "landscape", "noise", "bit_flip")]
    kept.loc[kept.index[kept.measure == "hessian_trace"][0], ["value", "status"]] = [np.nan, "not_converged"]
    return Tables.of(pd.concat([kept, *failed], ignore_index=True), Requirements(needs=[{"at_least": 0.99}]), 10)


def test_failures_are_counted_and_nothing_meets(unlucky):
    page = unlucky.report()
    text = _text(page)
    assert 'data-outcome="no configuration meets the requirements"' in page
    assert "bit flip failed 1 1" in text
    assert "landscape not_converged 1 1" in text
    assert "Descriptive only" in text
    assert "No configuration meets the requirements." in text
    assert "Nearest comes" in text
    assert "short by" in text


def test_equal_inputs_give_equal_bytes(unlucky):
    assert unlucky.report() == unlucky.report()


@pytest.mark.parametrize("families", [("performance", "cost"), ("landscape",)])
def test_a_study_with_little_in_it_still_has_a_page(tiny, families):
    text = _text(Tables.of(tiny[tiny.family.isin(families)].reset_index(drop=True), Requirements(), 10).report())
    assert "How sure are we" in text


def test_one_recipe_one_seed():
    lonely = study(recipes=("plain",), seeds=("s0",), precisions=("qat4",))
    text = _text(Tables.of(lonely, Requirements(needs=[{"at_least": 0.1}]), 10).report())
    assert "Probably plain at qat4" in text


def test_two_tasks_have_an_answer_each_and_names_cannot_break_the_page(tiny):
    evil = tiny.replace({"recipe": {"plain": "</script><b>&\"'"}})
    page = Tables.of(pd.concat([tiny, evil.assign(task="econ")], ignore_index=True), Requirements(), 10).report()
    answer = _without_scripts(page).partition('<section id="disturbed"')[0]
    assert answer.count('class="verdict"') == 2
    assert "</script><b>" not in page
    assert sorted(re.findall(r'<div class="figure[^"]*" id="([^"]+)"', page)) == sorted(_figures(page))


@pytest.fixture(scope="module")
def little(tiny):
    return Tables.of(tiny, Requirements(), 10)


@pytest.fixture(scope="module")
def everything(faulty):
    """A study that measured everything."""
    return Tables.of(faulty, Requirements(), 10)


@pytest.fixture(scope="module")
def whole(everything):
    """Its page."""
    return everything.report(pictures={name: make() for name, make in TABLES.items()})


def test_every_group_of_disturbances_has_its_heading_and_is_explained(whole):
    text = _text(whole)
    for title in ("Noise on the inputs", "Broken sensors", "Attacks", "Flipped bits in memory", "Other faults"):
        assert f"<h3>{title}</h3>" in whole
        assert f"{title}." in text
    assert "Coarser ADC: every feature is read in so many bits" in text
    assert "Uniform p %" in text and "Offset drift" not in text, "only what was measured"
    assert {"curve-jets-requantization", "curve-jets-pgd_linf", "curve-jets-stuck_at_1"} <= set(_figures(whole))


def test_which_bits_matter(whole):
    body = _without_scripts(whole)
    assert '<a href="#bits">' in body and 'id="bits"' in body
    text = _text(whole)
    assert "of 100 bits" in text
    assert "Of the 10 worst flips, matched curvature finds 90 %" in text
    assert "every bit, on 400 rows" in text.lower() and "nothing here is a sample" not in text
    assert {"flip_map-jets", "protection-jets", "recall-jets"} <= set(_figures(whole))


def test_what_curves_do_not_show_stands_below_them(whole):
    text = _text(whole)
    assert "Outputs that are no numbers count as wrong" in text
    assert "a gradient attack cannot see" in text
    assert "keeps the worst point that it came by" in text


def test_half_lives_and_equal_exposure_are_told(whole):
    text = _text(whole)
    assert "its 95 % interval over seeds and draws" in text
    assert "Least is lost, which flatters" in text
    assert "How much it takes" in text and "10⁻²" in text
    assert "no precision lost half under coarser ADC" in text
    assert "Are 4 to 6 bits the most robust?" in text
    assert "nothing failed" in text


def test_an_older_study_has_no_empty_headings(little):
    page = little.report(pictures={})
    for absent in ('id="bits"', "Which bits matter", "How much it takes", "Broken sensors", "Attacks", "Other faults"):
        assert absent not in _without_scripts(page)


def test_a_map_that_does_not_say_on_how_many_rows(everything):
    text = _text(everything.report(pictures={"flip_map": TABLES["flip_map"]().drop(columns="num_rows")}))
    assert "every bit, on a sample of rows" in text and "What one flipped bit costs" in text


def test_single_bits_without_pictures_of_them(everything):
    text = _text(everything.report(pictures={}))
    assert "The worst single flip costs 25 points" in text
    assert "What one flipped bit costs" not in text


@pytest.mark.parametrize("missing", [*PICTURES])
def test_any_kind_of_picture_may_be_missing(little, missing):
    page = little.report(pictures={name: make() for name, make in TABLES.items() if name != missing})
    assert {name for name in PICTURES if f'id="{name}-jets"' in page} == set(PICTURES) - {missing}
    assert "What the valley looks like" in page


def test_without_pictures_there_is_no_word_of_them(little):
    assert "What the valley looks like" not in little.report(pictures={})


def test_the_caption_names_the_plane_that_is_shown(little):
    surface = TABLES["loss_surface"]()
    hessian = surface.assign(directions="hessian")
    assert "largest curvature" in little.report(pictures={"loss_surface": hessian})
    assert "two random directions" in little.report(pictures={"loss_surface": pd.concat([hessian, surface])})
