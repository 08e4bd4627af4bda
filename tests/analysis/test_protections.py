"""Protections by what they cost."""

import pytest

from lowland.analysis.protections import protections
from lowland.vocabulary.worst_case_measures import NO_PROTECTION
from tests.made_study.protections import protections as rows
from tests.made_study.worst_case import policies


def test_they_are_in_the_order_of_their_cost_and_what_cannot_be_had_is_left_out():
    table = protections(rows(recipes=("plain",)))
    assert table.protection.tolist() == [NO_PROTECTION, "clipped_ranges", "kept_layers", "outliers_apart"]
    kept = table.set_index("protection").loc["kept_layers"]
    assert kept[["protected_drop", "protection_gain", "protection_cost"]].tolist() == pytest.approx([0.015, 0.185, 0.5])
    assert kept.num_seeds == 2


def test_without_any_the_table_is_empty():
    assert protections(policies()).empty
