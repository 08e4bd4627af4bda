"""Pairs of students and policies."""

import pytest

from lowland.analysis.pairs import pairs_of
from tests.made_study.worst_case import POLICIES, STUDENTS, policies, students


def test_pairs_are_means_over_the_teachers_of_a_recipe():
    (pairs,) = pairs_of(students())
    assert (pairs.recipe, pairs.mean_bits, pairs.seeds) == ("plain", 6.0, 2)
    assert (pairs.students, pairs.policies) == (tuple(STUDENTS), tuple(POLICIES))
    assert pairs.value("pair_drop", "detrimental_student", "detrimental_policy") == pytest.approx(0.5)
    assert pairs.value("pair_drop_equalized", "robust_student", "uniform_policy") == pytest.approx(0.005)
    assert pairs.value("student_accuracy", "control_student") == pytest.approx(0.65)
    assert (pairs.equivalent, pairs.compared) == (1, 2)


def test_nothing_is_known_without_students():
    assert pairs_of(policies()) == []
    assert pairs_of(students().assign(status="undefined", value=float("nan"))) == []
    value = pairs_of(students())[0].value("pair_drop", "nobody", "robust_policy")
    assert value != value
