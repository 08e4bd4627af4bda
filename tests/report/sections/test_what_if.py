"""Other requirements, what safety costs and what is open, as a reader sees them."""

from lowland.decision.requirements import Requirements
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables


def text(table, requirements):
    return text_of(section_of("what_if", Tables.of_recommendation(table, recommended(table, requirements))))


def recommended(table, requirements):
    return Tables.of(table, requirements, 2).recommendation


def test_every_requirement_is_dropped_loosened_and_tightened(tiny):
    asked = Requirements(needs=[{"at_least": 0.5}, {"measure": "size", "at_most": 1e6}])
    words = text(tiny, asked)
    assert "1. clean accuracy ≥ 50.0 % the same 48.0 %: the same 52.0 %:" in words
    assert "2. size ≤ 1,000,000 bits the same 2,000,000 bits: the same 500,000 bits:" in words
    assert "preferred" in words and "safer?" in words


def test_where_nothing_meets_them_what_would_help_is_told(tiny):
    words = text(tiny, Requirements(needs=[{"at_least": 0.999}]))
    assert "nothing 100.0 %: nothing" in words and "safer" not in words


def test_without_requirements_it_says_so(tiny):
    assert "Nothing is required, so that nothing is at risk" in text(tiny, Requirements())
