"""The front, and the clean score of every configuration."""

import re

from lowland.decision.requirements import Requirements
from lowland.report.sections.front import Front
from tests.made_study.first_day import lost, with_gains
from tests.made_study.lower_is_better import with_emd
from tests.made_study.rendering import places_of, section_of, text_of
from tests.made_study.tables import Tables


def of(table, requirements=None):
    return Tables.of(table, requirements or Requirements(), 2).inputs()


def test_the_chosen_is_framed_and_the_best_of_each_precision_bold(tables):
    html = section_of("front", tables.inputs())
    assert places_of(html) == {"pareto-jets"} and "Framed: the recommended configuration." in html
    assert len(re.findall(r'<td class="(?:best )?framed">', html)) == 1
    assert len(re.findall(r'<td class="best ', html)) == 7, "one for each precision"


def test_survivors_are_named_and_do_not_compete(tiny):
    few = tiny[tiny.family.isin(["performance", "cost", "noise"])]
    text = text_of(section_of("front", of(lost(few, (few.recipe == "plain") & (few.seed == "s1")))))
    assert "1 of 2 seeds" in text and "among those with all 2 seeds" in text


def test_where_nothing_is_recommended_the_frame_says_so(tiny):
    few = tiny[tiny.family.isin(["performance", "cost", "noise"])]
    assert "Framed: the best score; nothing is recommended." in section_of("front", of(with_gains(few, 0.001)))
    missed = of(few, Requirements(needs=[{"at_least": 0.99}]))
    assert "Framed: the nearest configuration." in section_of("front", missed)


def test_an_error_has_its_unit_and_its_direction(tiny):
    inputs = of(with_emd(tiny[tiny.family.isin(["performance", "cost", "noise"])]))
    text = text_of(section_of("front", inputs))
    assert Front().heading(inputs) == "Size, EMD, robustness"
    assert "Clean EMD, in cells" in text and "Bold: lowest of its precision" in text and "lower is better" in text
