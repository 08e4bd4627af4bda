import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.tasks.groups import grouped_split, latest_rows, tied_rows

SIZES = {"train": 60, "validation": 10, "landscape": 10, "test": 20}


def same_component(features, groups):
    """Rows tied to row i, by walking from row to row."""
    rows = len(features)
    tied = [
        [
            (groups is not None and groups[i] == groups[j]) or np.array_equal(features[i], features[j])
            for j in range(rows)
        ]
        for i in range(rows)
    ]
    reached = np.array(tied)
    for _ in range(rows):
        reached = reached @ reached
    return reached


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=25))
def test_rows_are_tied_as_a_walk_between_them_says(pairs):
    features, groups = np.array([[p[0]] for p in pairs], float), np.array([p[1] for p in pairs])
    for given_groups in (groups, None):
        tied = tied_rows(features, given_groups)
        assert np.array_equal(tied[:, None] == tied, same_component(features, given_groups))
        assert set(tied) == set(range(tied.max() + 1))


def test_rows_with_the_same_gaps_are_duplicates():
    features = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 0.0], [np.nan, 1.0]])
    tied = tied_rows(features, None)
    assert tied[0] == tied[1] and len(set(tied)) == 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=30, max_size=200), st.integers(0, 2**31))
def test_no_group_is_divided_and_no_row_is_lost(values, seed):
    tied = np.unique(values, return_inverse=True)[1].astype(np.int64)
    labels = np.random.default_rng(seed).integers(0, 3, len(values))
    parts = grouped_split(tied, labels, SIZES, key=("toy",))
    again = grouped_split(tied, labels, SIZES, key=("toy",))
    rows = np.concatenate(list(parts.values()))
    assert len(set(rows)) == len(rows)
    if len(values) <= sum(SIZES.values()):
        assert len(rows) == len(values)
    for name in SIZES:
        assert np.array_equal(parts[name], again[name])
        for other in SIZES:
            assert name == other or not set(tied[parts[name]]) & set(tied[parts[other]])


@pytest.mark.parametrize("asked", [1000, 500])
def test_sets_and_classes_have_their_shares_as_well_as_groups_allow(asked):
    draws = np.random.default_rng(0)
    tied = np.sort(np.append(draws.integers(0, 400, 600), np.arange(400)))
    labels = np.where(draws.random(1000) < 0.8, draws.choice(3, 400, p=[0.85, 0.1, 0.05])[tied], draws.choice(3, 1000))
    sizes = {"train": asked * 6 // 10, "validation": asked // 10, "landscape": asked // 10, "test": asked // 5}
    parts = grouped_split(tied, labels, sizes, key=("toy",))
    for name, size in sizes.items():
        wanted = size * np.bincount(labels) / 1000
        assert np.abs(np.bincount(labels[parts[name]], minlength=3) - wanted).max() <= 2


def test_another_key_gives_another_division():
    tied = np.arange(200) // 2
    first, second = (grouped_split(tied, tied % 2, SIZES, key=(key,)) for key in ("a", "b"))
    assert set(first["test"]) != set(second["test"])


def test_the_latest_groups_are_whole_and_near_the_share():
    groups = np.arange(1000) // 4
    values = groups * 10.0
    later = latest_rows(values, groups, share=0.2)
    assert later.sum() == 200 and values[later].min() > values[~later].max()


def test_equal_values_are_never_divided():
    later = latest_rows(np.repeat([1.0, 2.0, 3.0], [50, 30, 20]), np.arange(100), share=0.3)
    assert later.sum() == 20
    later = latest_rows(np.repeat([1.0, 2.0, 3.0], [50, 30, 20]), np.arange(100), share=0.4)
    assert later.sum() == 50
    assert not latest_rows(np.ones(10), np.arange(10), share=0.2).any()


def test_a_duplicate_takes_its_whole_group_along():
    features = np.arange(10.0)[:, None]
    features[9] = features[0]
    tied = tied_rows(features, np.arange(10) // 2)
    later = latest_rows(np.arange(10.0), tied, share=0.4)
    assert later[[0, 1]].tolist() == later[[8, 9]].tolist() and later.sum() == 2
