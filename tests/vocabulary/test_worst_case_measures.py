"""Words of the worst case: which are of every cell, and what their levels count."""

import pytest

from lowland.estimate import Estimate
from lowland.measurements import Cell, Measurement, table, words_of
from lowland.vocabulary.conditions import CONDITIONS
from lowland.vocabulary.labels import condition_label, level_text
from lowland.vocabulary.measures import MEASURES, SELECTED
from lowland.vocabulary.targets import TARGETS, codes_target
from lowland.vocabulary.worst_case_measures import STUDENTS, WORST_CASE

CELL = Cell(task="jets", recipe="plain", seed="s0", precision="ptq8", method="ptq", weight_bits=8, activation_bits=8)
OF_EVERY_CELL = {"policy_drop", "policy_broken", "layer_drop", "activation_crest", "rescaled_drop", "equalized_drop"}


def test_what_every_cell_has_is_not_selected_and_all_else_is():
    assert {name for name in WORST_CASE if name not in SELECTED} == OF_EVERY_CELL
    assert all(MEASURES[name].families == ("worst_case",) for name in WORST_CASE)


@pytest.mark.parametrize(
    ("measure", "condition", "unit"),
    [
        ("policy_drop", "", "mean bits"),
        ("layer_drop", "", "bits"),
        ("activation_crest", "", ""),
        ("pair_drop", "robust_student", "mean bits"),
        ("shifted_policy_drop", "mnist", "mean bits"),
        ("shifted_policy_drop", "a set from elsewhere", "mean bits"),
    ],
)
def test_a_level_counts_what_its_measure_or_its_condition_says(measure, condition, unit):
    level = 5.0 if unit else float("nan")
    row = Measurement("worst_case", measure, Estimate(0.1, 0.0, 8), condition, "there", level, "test")
    assert table(CELL, [row])["level_unit"].tolist() == [unit]


def test_students_and_policies_have_words_and_stand_beside_the_table():
    pair = Measurement("worst_case", "pair_drop", Estimate(0.3, 0.0, 8), STUDENTS[0], "detrimental_policy", 5.0, "test")
    words = words_of(table(CELL, [pair]))
    assert set(words["conditions"]["jets"]) == {"detrimental_student"}
    assert set(words["targets"]) == {"detrimental_policy"}
    assert TARGETS["detrimental_policy"].place == "under the detrimental policy"
    assert codes_target("detrimental_policy") == "detrimental_policy"
    assert condition_label(STUDENTS[0], "detrimental_policy") == "the detrimental student"
    assert level_text(STUDENTS[0], 5) == "5 bits on average"
    assert not any(CONDITIONS[name].representative or CONDITIONS[name].whole for name in STUDENTS)
