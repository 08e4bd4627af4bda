"""The page for the design review: boxes that the study ticks, and those that are left."""

from lowland.decision.requirements import Requirements
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables


def section(table, **requirements):
    return section_of("checklist", Tables.of(table, Requirements(**requirements), 2).inputs())


def test_what_is_held_is_ticked_and_what_is_not_is_not(tiny):
    html = section(tiny, needs=[{"at_least": 0.1}])
    assert '<li class="held">clean accuracy ≥ 10.0 %:' in html and "held by the whole 95 % interval" in html
    assert "2 seeds, judged on" in text_of(html)


def test_what_was_not_tried_is_asked_about(tiny):
    few = tiny[~tiny.family.isin(["noise", "bit_flip"])].reset_index(drop=True)
    assert "Not tried here: noise on the inputs, broken sensors, attacks, flipped bits in memory." in text_of(
        section(few)
    )


def test_without_limits_there_is_a_box_to_state_them(tiny):
    assert "Limits are stated ( requirements ): none was" in text_of(section(tiny))


def test_without_a_choice_there_is_no_list(tiny):
    assert section(tiny, needs=[{"at_least": 0.9999}]) == ""
