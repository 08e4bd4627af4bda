import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.tasks.discharges import split_by_discharge

SIZES = {"train": 30, "validation": 6, "test": 12}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=150), st.integers(0, 2**31))
def test_no_group_is_in_two_sets(values, key):
    groups = np.unique(values, return_inverse=True)[1]
    parts = split_by_discharge(groups, SIZES, key=("toy", key))
    rows = np.concatenate(list(parts.values()))
    assert len(set(rows.tolist())) == len(rows)
    assert sum(len(set(groups[part])) for part in parts.values()) == len(set(groups[rows]))
    assert all(len(part) <= SIZES[name] for name, part in parts.items())


def test_sets_have_their_sizes_and_depend_on_the_key_alone():
    groups = np.repeat(np.arange(20), 4)
    parts, again = (split_by_discharge(groups, SIZES, key=("toy",)) for _ in range(2))
    assert {name: len(part) for name, part in parts.items()} == SIZES
    assert all(np.array_equal(parts[name], again[name]) for name in SIZES)
    other = split_by_discharge(groups, SIZES, key=("other",))
    assert not np.array_equal(parts["train"], other["train"])


def test_sets_shrink_in_proportion_where_rows_are_scarce():
    parts = split_by_discharge(np.arange(24), SIZES, key=("toy",))
    assert [len(part) for part in parts.values()] == [15, 3, 6]


@pytest.mark.parametrize("groups", [np.zeros(10, np.int64)])
def test_too_few_groups_leave_sets_empty(groups):
    parts = split_by_discharge(groups, {"train": 2, "test": 2}, key=("toy",))
    assert [len(part) for part in parts.values()] == [2, 0]
