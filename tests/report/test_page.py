"""The page: complete, self-contained, the same every time, and every part in its place."""

import re
from pathlib import Path

import pandas as pd
import pytest

import lowland.report
from lowland.decision.requirements import Requirements
from lowland.report.inputs import Facts
from lowland.report.page import render_page
from lowland.report.section import Section
from lowland.report.sections import SECTIONS
from tests.made_study.pictures import TABLES
from tests.made_study.rendering import figures_of, places_of, section_of, text_of, unpacked, without_scripts
from tests.made_study.tables import Tables

ROOM = Path(lowland.report.__file__).parent
TESTS = Path(__file__).parent
DETAILS = {section.name: section.is_detail for section in SECTIONS}


@pytest.fixture(scope="module")
def page(tables):
    return tables.report(facts={"jets": Facts(description="Jets of particles.")})


def test_every_section_has_a_name_a_template_and_a_test_of_its_own():
    names = [section.name for section in SECTIONS]
    assert len(names) == len(set(names)) and names[0] == "answer"
    written = {path.name.removesuffix(".html.j2") for path in (ROOM / "sections").glob("*.html.j2")} - {"macros"}
    assert written == set(names)
    assert {path.stem.removeprefix("test_") for path in (TESTS / "sections").glob("test_*.py")} == set(names)


def test_contents_and_sections_are_the_same_in_the_same_order(page):
    body = without_scripts(page)
    shown = re.findall(r'<section id="([^"]+)"', body)
    assert shown == re.findall(r'<a href="#([^"]+)"', body.partition("</nav>")[0])
    absent = ("inputs", "bits", "certified", "worst", "same")
    assert shown == [section.name for section in SECTIONS if section.name not in absent]
    assert ">Size, accuracy, robustness</a>" in body


def test_one_more_section_needs_no_more_than_its_class_and_its_template(tables):
    class Toy(Section):
        name, title, template = "toy", "A toy", "sections/glossary.html.j2"

        def applies(self, inputs):
            return inputs.size.cells > 1

        def context(self, inputs, figures):
            return {"measures": [("a toy", "", f"Of {inputs.size.recipes} recipes.")]}

    assert "Of 8 recipes." in text_of(render_page(tables.inputs(), sections=[*SECTIONS[-1:], Toy()]))


def test_it_needs_nothing_else(page):
    body = without_scripts(page)
    assert not re.search(r"https?://", body)
    assert not re.search(r'(src|href)="(?!#|data:|study\.yml")', body)
    assert "@import" not in body
    assert unpacked(page, "plotly-packed").count("* plotly.js v") == 1


def test_what_is_packed_is_a_third_of_what_is_not(page):
    assert len(page) < 0.45 * (len(unpacked(page, "plotly-packed")) + len(unpacked(page, "figures-packed")))


def test_what_an_engineer_reads_first_is_not_folded_away(page):
    body = without_scripts(page)
    first, _, folded = body.partition('<div id="details">')
    names = [section.name for section in SECTIONS if f'<section id="{section.name}"' in body]
    assert re.findall(r'<section id="([^"]+)"', first) == [n for n in names if not DETAILS[n]]
    assert re.findall(r'data-part="([^"]+)"', folded) == [n for n in names if DETAILS[n]]


def test_every_figure_has_its_place_and_every_place_its_figure(page):
    assert len(places_of(page)) > 10
    assert places_of(page) == set(figures_of(page))


def test_ids_are_unique(page):
    ids = re.findall(r'\bid="([^"]+)"', without_scripts(page))
    assert len(ids) == len(set(ids))


def test_every_table_scrolls_in_a_box_of_its_own(page):
    body = without_scripts(page)
    assert body.count("<table") == len(re.findall(r'<div class="scroll"><table', body)) > 5


def test_the_head_says_how_large_the_study_is(page):
    text = text_of(page)
    assert "8 training recipes × 3 seeds × 7 precisions: 168 deployable networks" in text


def test_equal_inputs_give_equal_bytes(tiny):
    tables = Tables.of(tiny, Requirements(), 2)
    pictures = {name: make() for name, make in TABLES.items()}
    assert tables.report(pictures=pictures) == tables.report(pictures=pictures)


@pytest.mark.parametrize("families", [("performance", "cost"), ("landscape",)])
def test_a_study_with_little_in_it_still_has_a_page(tiny, families):
    few = Tables.of(tiny[tiny.family.isin(families)].reset_index(drop=True), Requirements(), 2)
    assert "How sure are we" in text_of(few.report())


def test_names_cannot_break_the_page(tiny):
    evil = tiny.replace({"recipe": {"plain": "</script><b>&\"'"}}).assign(task="econ")
    page = Tables.of(pd.concat([tiny, evil], ignore_index=True), Requirements(), 2).report()
    assert "</script><b>" not in page
    assert places_of(page) == set(figures_of(page))


def test_what_does_not_apply_is_left_out(tiny):
    inputs = Tables.of(tiny, Requirements(), 2).inputs()
    assert section_of("bits", inputs) == section_of("inputs", inputs) == ""
