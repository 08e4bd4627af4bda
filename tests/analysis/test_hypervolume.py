"""Hypervolumes against inclusion and exclusion, and what goes with a recipe or a way to quantize."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.analysis.hypervolume import change, hypervolume, hypervolume_changes
from lowland.analysis.intervals import t_interval

REFERENCE = np.zeros(3)
COORDINATE = st.floats(-4, 1, allow_nan=False)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=1, max_size=6).map(np.array)


def by_inclusion_and_exclusion(points):
    """Volumes of boxes, less those that two share, and so on."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for group in combinations(points, size):
            sides = np.clip(REFERENCE - np.max(group, axis=0), 0, None)
            total -= (-1) ** size * float(np.prod(sides))
    return total


@given(POINTS)
@settings(max_examples=80, deadline=None)
def test_it_is_that_of_inclusion_and_exclusion(points):
    assert hypervolume(points, REFERENCE) == pytest.approx(by_inclusion_and_exclusion(points), abs=1e-9)


@given(POINTS, POINTS)
@settings(max_examples=40, deadline=None)
def test_more_points_never_have_less(points, others):
    both = np.concatenate([points, others])
    assert hypervolume(both, REFERENCE) >= hypervolume(points, REFERENCE) - 1e-9


def test_what_is_dominated_or_undefined_adds_nothing():
    points = np.array([[-2.0, -2, -2], [-1, -1, -1], [np.nan, -9, -9]])
    assert hypervolume(points, REFERENCE) == 8
    assert change(points, REFERENCE, np.array([False, True, True])) == 0
    assert change(points, REFERENCE, np.array([True, False, False])) == pytest.approx(7 / 8)
    assert hypervolume(np.empty((0, 3)), REFERENCE) == 0 and np.isnan(change(points[2:], REFERENCE, np.array([True])))


def test_every_recipe_and_method_of_every_disturbance_by_both_costs(tiny):
    table = with_operations(tiny)
    found = hypervolume_changes(table)
    assert set(found.cost) == {"size", "bit_operations"} and set(found.kind) == {"recipe", "method"}
    assert set(found.left_out[found.kind == "recipe"]) == set(table.recipe[table.precision != ""].unique())
    assert set(found.left_out[found.kind == "method"]) == {"qat", "ptq"}
    assert ((found.change > -1e-12) & (found.change <= 1)).all() and (found.num_seeds == 2).all()
    assert ((found.low < found.change) & (found.change < found.high) | (found.low == found.high)).all()


def test_a_change_is_the_mean_of_its_seeds(tiny):
    keys, asked = ["robustness", "cost", "kind", "left_out"], ("score_gaussian", "size", "method", "qat")
    row = hypervolume_changes(with_operations(tiny)).set_index(keys).loc[asked]
    each = []
    for seed in ("s0", "s1"):
        alone = hypervolume_changes(with_operations(tiny[tiny.seed == seed]))
        one = alone.set_index(["robustness", "cost", "kind", "left_out"]).loc[
            ("score_gaussian", "size", "method", "qat")
        ]
        assert one.num_seeds == 1 and np.isnan(one.low)
        each.append(one.change)
    assert (row.change, row.low, row.high) == pytest.approx(t_interval(each))


def test_without_a_float_network_or_a_guess_there_is_none(tiny):
    assert hypervolume_changes(tiny[tiny.method != "float"]).empty
    assert hypervolume_changes(tiny[tiny.measure != "gain_over_guess"]).empty


def with_operations(table):
    """The made-up study with what it costs to compute."""
    sizes = table[table.measure == "size"]
    operations = sizes.assign(measure="bit_operations", value=sizes.value * sizes.activation_bits)
    gains = table[(table.measure == "accuracy") & (table.family == "performance")].assign(measure="gain_over_guess")
    gains = gains.assign(value=gains.value - 0.2)
    own = table[table.measure != "gain_over_guess"]
    return pd.concat([own, operations, gains], ignore_index=True)
