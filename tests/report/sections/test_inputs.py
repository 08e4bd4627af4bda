"""What the networks were given."""

from dataclasses import replace

from lowland.report.inputs import Facts
from tests.made_study.first_day import LISTING
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables


def inputs_with(tiny, listing):
    inputs = Tables.of_recommendation(tiny, {"tasks": {"jets": {}}})
    return replace(inputs, facts={"jets": Facts(listing=listing)})


def test_rows_gaps_and_what_was_left_out_are_listed(tiny):
    text = text_of(section_of("inputs", inputs_with(tiny, LISTING)))
    for needed in (
        "wine.csv : 1,700 of 1,780 rows used; 50 had no target; 30 dropped for gaps",
        "hue 12",
        "The 2 features",
        "id : different in every row",
    ):
        assert needed in text


def test_a_table_without_gaps_and_with_all_its_columns(tiny):
    whole = LISTING | {"features": [{"name": "alcohol", "gaps": 0}], "left_out": [], "rows_dropped_for_gaps": 0}
    text = text_of(section_of("inputs", inputs_with(tiny, whole)))
    assert "1 feature, without gaps." in text and "No column was left out." in text and "dropped" not in text


def test_tasks_that_are_no_table_have_no_such_section(tiny):
    assert section_of("inputs", inputs_with(tiny, None)) == ""
