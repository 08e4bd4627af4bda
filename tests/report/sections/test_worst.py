"""The section on the worst case: each part only where its rows are, for one task or several."""

from dataclasses import replace

import pandas as pd
import pytest

from lowland.measurements import stack
from tests.made_study.pictures import policy_search, worst_inputs
from tests.made_study.protections import protections
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables
from tests.made_study.worst_case import per_input, policies, students
from tests.report.sentences.test_warnings import table as signs_table

CHOSEN = {"recipe": "plain", "precision": "qat4"}


def section(*tables, tasks=("jets",), chosen=CHOSEN, pictures=None, nearest=None, best=None):
    found = {"chosen": chosen, "nearest": nearest, "best": best}
    inputs = Tables.of_recommendation(stack(tables), {"tasks": dict.fromkeys(tasks, found)})
    inputs.tables.pictures.update(pictures or {})
    return section_of("worst", inputs)


def test_it_stands_only_where_policies_or_students_were_judged(tiny):
    assert section(tiny) == ""
    failed = policies().assign(measure="all", status="undefined", value=float("nan"), target="", level=float("nan"))
    assert section(tiny, failed.drop_duplicates(["recipe", "seed", "precision", "measure"]).assign(level_unit="")) == ""


def test_the_recommended_configuration_leads_and_its_precisions_follow(tiny):
    page = section(tiny, policies())
    text = text_of(page)
    assert "The recommended configuration plain , qat4 : the worst policy found" in text
    assert "takes 21 points" in text and "30 %" in text
    assert "fp32 74.4 % 21 8.3 to 34 30 % 11 45 qat4 73.5 % 21 8.3 to 34 30 % ptq4" in text
    assert "layer 2 costs most, 15 points; then layer 0, 5 points" in text
    assert "Scales of channels, fp32." in text and "Scales of channels, qat4." not in text
    assert "clipping loses least" in text and "What all recipes lose" in text
    assert 'id="layer_drop-jets"' in page and "policy_search-jets" not in page
    for absent in ("Networks made to fail", "What protects", "The inputs that suffer most"):
        assert absent not in text


def test_another_configuration_stands_in_for_one_without_a_policy(tiny):
    rows = policies(recipes=("clipping",))
    text = text_of(section(tiny, rows[rows.precision != "fp32"]))
    assert "A configuration clipping , qat4" in text
    assert "equalized" not in text and "What all recipes lose" not in text and "Recipes." not in text


def test_searches_and_inputs_are_drawn_where_they_are(tiny):
    pictures = {"policy_search": policy_search(), "worst_inputs": worst_inputs()}
    page = section(tiny, policies(), pictures=pictures)
    assert 'id="policy_search-jets"' in page and 'id="worst_inputs-jets"' in page
    assert "Found by a greedy search among 4 policies a network" in text_of(page)
    assert "test row</th>" not in page
    features = text_of(section(tiny, policies(), pictures={"worst_inputs": worst_inputs(images=False)}))
    assert "a row an input, a column a feature" in features and "7 1 \N{RIGHTWARDS ARROW} 2 1.5" in features


def test_students_stand_beside_policies(tiny):
    text = text_of(section(tiny, students()))
    assert "Of each of the 2 networks of recipe plain three students" in text
    assert "detrimental student 65.0 % 50 equalized 40" in text and "All policies near 6 bits on average" in text
    assert "configuration" not in text
    alone = students(seeds=("s0",))
    assert "Of the network of recipe plain" in text_of(section(tiny, alone))


def test_protections_stand_with_what_they_cost(tiny):
    table = worst_inputs()
    pictures = {"worst_inputs": table[table.precision == "fp32"]}
    text = text_of(section(tiny, policies(), protections(), pictures=pictures))
    assert (
        "The cheapest protection that keeps the loss under 2 points on the rows that choose: layers kept wide" in text
    )
    assert "no protection 20 20 to 20 0 clipped ranges 15 15 to 15 4 1 0 layers kept wide" in text
    assert "break it: a small margin 0.90" in text


@pytest.mark.parametrize("measured", [("jets",), ("jets", "other")])
def test_tasks_are_told_apart_and_one_without_rows_is_passed_over(tiny, measured):
    tables = [tiny, tiny.assign(task="other"), *(policies(task=task) for task in measured)]
    page = section(*tables, tasks=("jets", "other"))
    assert ('id="layer_drop-other"' in page) == ("other" in measured)
    assert page.count('<p class="task">') == len(measured)


def test_rows_of_students_are_no_precision_of_the_page(tiny):
    page = section(pd.concat([tiny, policies(), students()], ignore_index=True))
    assert "fp32" in page and 'style="background:' in page


def test_what_warns_is_told_where_it_was_asked(tiny):
    inputs = Tables.of_recommendation(
        stack([tiny, policies()]), {"tasks": {"jets": {"chosen": CHOSEN, "nearest": None, "best": None}}}
    )
    assert "warn before deployment" not in text_of(section_of("worst", inputs))
    with_signs = replace(inputs, tables=replace(inputs.tables, policy_warnings=signs_table()))
    text = text_of(section_of("worst", with_signs))
    assert "Does anything warn before deployment? At equal accuracy 2 of 3 signs" in text
    assert "most lost through one layer +0.90 +0.80 to +1.00 < 0.001 +0.45" in text


def test_policies_for_each_input_stand_beside_oracles(tiny):
    rows = policies(recipes=("clipping",))
    text = text_of(section(tiny, rows, per_input()))
    assert "A policy for each input The policy for each input that the cross-entropy method found costs 25" in text
    assert "For each input: the cross-entropy method 25 5.00 50 %" in text


def test_a_configuration_that_only_comes_nearest_is_not_called_recommended(tiny):
    for name, word in (("nearest", "nearest"), ("best", "best")):
        text = text_of(section(tiny, policies(), chosen=None, **{name: CHOSEN}))
        assert f"The {word} configuration plain , qat4 : the worst policy found" in text
