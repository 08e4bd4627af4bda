"""The curves by groups, half-lives, and precisions under equal flips."""

from dataclasses import replace

import pandas as pd
import pytest

from lowland.decision.requirements import Requirements
from lowland.report.figure_registry import FigureRegistry
from lowland.report.page import render_section
from lowland.report.sections.curves import Curves
from tests.made_study.flips import TOUGH5, TOUGH8, flipped
from tests.made_study.rendering import places_of, section_of, text_of
from tests.made_study.tables import Tables


@pytest.fixture(scope="module")
def html(faulty):
    return section_of("curves", Tables.of(faulty, Requirements(), 2).inputs())


def test_every_group_has_its_heading_and_every_disturbance_its_figure(html):
    for title in ("Noise on the inputs", "Broken sensors", "Attacks", "Flipped bits in memory", "Other faults"):
        assert f"<h3>{title}</h3>" in html
    assert {"curve-jets-requantization", "curve-jets-pgd_linf", "curve-jets-stuck_at_1"} <= places_of(html)
    assert "shift-jets" in places_of(html)
    assert 'data-linked="recipe-jets"' in html


def test_what_curves_do_not_show_stands_below_them(html):
    text = text_of(html)
    assert "Outputs that are no numbers count as wrong" in text
    assert "a gradient attack cannot see" in text


def test_half_lives_and_equal_flips_are_in_words(html):
    text = text_of(html)
    assert "its 95 % interval over seeds and draws" in text
    assert "Least is lost, which flatters" in text
    assert "How much it takes" in text and "10⁻²" in text
    assert "no precision lost half under coarser ADC" in text
    assert "Are 4 to 6 bits the most robust?" in text
    assert "at an equal number of flips at an equal bit error rate" in text, "heads of the table"


def test_the_precisions_have_their_bits(html):
    text = text_of(html)
    assert "qat4 4 bits 4 bits quantization-aware training" in text
    assert "fp32 32 bits 32 bits 32-bit floating point" in text


def test_a_study_without_them_has_no_empty_headings(tiny):
    inputs = Tables.of(tiny[tiny.family != "bit_flip"].reset_index(drop=True), Requirements(), 2).inputs()
    html = render_section(Curves(), inputs, FigureRegistry())
    for absent in ("How much it takes", "Broken sensors", "Attacks", "Other faults", "Equal count"):
        assert absent not in html
    assert "The precisions" in html


def test_the_toughest_is_chosen_on_the_other_rows_than_those_on_the_page(tiny):
    calm = tiny[tiny.family != "bit_flip"]
    told, chosen = (pd.concat([calm, flipped(left)], ignore_index=True) for left in (TOUGH8, TOUGH5))
    inputs = replace(Tables.of(told, Requirements(), 2).inputs(), selection=chosen)
    text = text_of(render_section(Curves(), inputs, FigureRegistry()))
    assert "most accuracy is left with qat5 at 1." in text
    assert "chosen on the other half of the held-out rows" in text
