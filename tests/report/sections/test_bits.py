"""Which bits matter, as far as it was measured."""

import pytest

from lowland.decision.requirements import Requirements
from tests.made_study.pictures import TABLES
from tests.made_study.rendering import places_of, section_of, text_of
from tests.made_study.tables import Tables

PICTURES = {name: TABLES[name]() for name in ("flip_map", "protection")}


@pytest.fixture(scope="module")
def everything(faulty):
    """A study that measured everything."""
    return Tables.of(faulty, Requirements(), 2)


def test_maps_plans_and_rankings(everything):
    html = section_of("bits", everything.inputs(pictures=PICTURES))
    text = text_of(html)
    assert "of 100 bits" in text and "For the recommended recipe" in text
    assert "Of the 10 worst flips, matched curvature finds 90 %" in text
    assert "every bit, on 400 rows" in text.lower() and "mean over 4 networks" in text
    assert places_of(html) == {"flip_map-jets", "protection-jets", "recall-jets"}


def test_a_map_that_does_not_say_on_how_many_rows(everything):
    bare = {"flip_map": PICTURES["flip_map"].drop(columns="num_rows")}
    text = text_of(section_of("bits", everything.inputs(pictures=bare)))
    assert "every bit, on a sample of rows" in text and "What one flipped bit costs" in text


def test_single_bits_without_pictures_of_them(everything):
    text = text_of(section_of("bits", everything.inputs()))
    assert "The worst single flip costs 25 points" in text
    assert "What one flipped bit costs" not in text


def test_where_no_bit_was_looked_at_there_is_no_section(tiny):
    assert section_of("bits", Tables.of(tiny, Requirements(), 2).inputs()) == ""
