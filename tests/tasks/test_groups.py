import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.tasks.groups import latest_rows, tied_rows


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


def test_rows_that_say_nothing_are_nobodys_duplicates():
    features, shots = np.array([[0.0], [1.0], [0.0], [2.0], [1.0], [0.0]]), np.array([0, 0, 1, 1, 2, 3])
    assert tied_rows(features, shots).max() == 0
    tied = tied_rows(features, shots, blank=features[:, 0] == 0)
    assert tied[0] == tied[1] == tied[4] and tied[2] == tied[3] and sorted(set(tied)) == [0, 1, 2]
    assert sorted(tied_rows(features, blank=features[:, 0] == 0)) == [0, 0, 1, 2, 3, 4]


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
