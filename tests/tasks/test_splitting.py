import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.tasks.groups import tied_rows
from lowland.tasks.splitting import grouped_split, stratified_split

THREE = {"train": 60, "validation": 10, "test": 30}
SIZES = {"train": 60, "validation": 10, "landscape": 10, "test": 20}


def split(features, labels, sizes=THREE):
    return stratified_split(tied_rows(np.asarray(features)), np.asarray(labels, np.int64), sizes, key=("toy",))


def test_sets_are_disjoint_stratified_and_of_the_wanted_size():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    parts = split(rng.normal(size=(1000, 3)), labels, {"train": 600, "test": 200})
    assert not set(parts["train"]) & set(parts["test"])
    assert np.bincount(labels[parts["train"]]).tolist() == [300, 180, 120]
    assert np.bincount(labels[parts["test"]]).tolist() == [100, 60, 40]


def test_split_depends_on_the_key_alone():
    features = np.random.default_rng(1).normal(size=(200, 2))
    labels = np.arange(200) % 2
    first, second = split(features, labels), split(features, labels)
    assert all(np.array_equal(first[name], second[name]) for name in THREE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=20, max_size=120), st.integers(0, 2**31))
def test_duplicated_rows_never_leak_between_sets(values, seed):
    labels = np.random.default_rng(seed).integers(0, 2, len(values))
    features = np.array(values, np.float32)[:, None]
    parts = split(features, labels)
    for name in THREE:
        for other in THREE:
            if name != other:
                assert not set(features[parts[name], 0]) & set(features[parts[other], 0])


def test_the_division_of_known_rows_stays_the_one_it_was():
    features = np.random.default_rng(3).integers(0, 4, (400, 3)).astype(np.float32)
    sizes = {"train": 120, "validation": 20, "test": 60}
    parts = stratified_split(tied_rows(features), np.arange(400) % 3, sizes, key=("jets",))
    digests = {name: hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16] for name, rows in parts.items()}
    assert digests == {"train": "621df0193d7e9e08", "validation": "dcbb2921f78ecb67", "test": "173737e08a3707f1"}


def test_sets_shrink_together_where_rows_are_scarce():
    parts = split(np.random.default_rng(2).normal(size=(50, 2)), np.arange(50) % 2)
    assert [len(parts[name]) for name in THREE] == [30, 5, 15] or sum(len(p) for p in parts.values()) == 50


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


@pytest.mark.parametrize("rows", [[97, 1, 1, 1], [500, 400, 90, 5, 5], [1, 1, 1, 1], [25] * 40])
def test_every_set_gets_a_group_where_there_are_as_many(rows):
    tied = np.repeat(np.arange(len(rows)), rows)
    parts = grouped_split(tied, np.zeros(len(tied), np.int64), SIZES, key=("toy",))
    assert all(len(part) for part in parts.values())


def test_fewer_groups_than_sets_fill_what_they_can():
    parts = grouped_split(np.zeros(10, np.int64), np.zeros(10, np.int64), {"train": 2, "test": 2}, key=("toy",))
    assert sorted(map(len, parts.values())) == [0, 10]


@pytest.mark.parametrize("split", [stratified_split, grouped_split])
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 150), min_size=30, max_size=300), st.integers(1, 60))
def test_what_is_drawn_from_the_rest_moves_no_row_and_shares_no_group(split, values, wanted):
    tied = np.unique(values, return_inverse=True)[1].astype(np.int64)
    labels = tied % 2
    alone = split(tied, labels, SIZES, key=("toy",))
    both = split(tied, labels, SIZES | {"retraining": wanted}, key=("toy",))
    assert list(both) == [*SIZES, "retraining"]
    assert all(np.array_equal(alone[name], both[name]) for name in SIZES)
    taken = np.concatenate(list(alone.values()))
    left = np.flatnonzero(~np.isin(tied, tied[taken]))
    assert not set(both["retraining"]) - set(left) and len(set(both["retraining"])) == len(both["retraining"])
    outside = np.setdiff1d(np.arange(len(tied)), both["retraining"])
    assert not set(tied[both["retraining"]]) & set(tied[outside])
    if len(left) <= wanted:
        assert sorted(both["retraining"]) == sorted(left)


@pytest.mark.parametrize("split", [stratified_split, grouped_split])
def test_thresholds_are_proved_on_one_row_of_each_group_and_which_is_drawn(split):
    tied, labels = np.arange(1200) // 6, np.arange(1200) // 6 % 2
    asked = SIZES | {"threshold": 600, "retraining": 300}
    found = split(tied, labels, asked, key=("toy",))
    groups = tied[found["threshold"]]
    assert len(set(groups)) == len(groups) >= 99
    assert len(set(found["threshold"] % 6)) == 6  # not always the first
    assert not np.isin(tied[found["retraining"]], groups).any() and len(found["retraining"]) >= 294
    usual = split(tied, labels, SIZES, key=("toy",))
    assert all(np.array_equal(found[name], rows) for name, rows in usual.items())


def test_the_rest_keeps_the_class_shares_and_has_its_size():
    labels = np.repeat([0, 1], [800, 200])
    found = stratified_split(np.arange(1000), labels, SIZES | {"threshold": 300}, key=("toy",))
    assert np.bincount(labels[found["threshold"]]).tolist() == [240, 60]


@pytest.mark.parametrize("split", [stratified_split, grouped_split])
def test_the_rest_is_drawn_in_one_order_whatever_is_asked_first(split):
    tied, labels = np.arange(300) // 2, np.arange(300) // 2 % 2
    alone = split(tied, labels, SIZES | {"threshold": 60}, key=("toy",))
    both = split(tied, labels, {"retraining": 90, "threshold": 60} | SIZES, key=("toy",))
    assert all(np.array_equal(alone[name], both[name]) for name in (*SIZES, "threshold"))
    assert abs(len(both["retraining"]) - 90) <= 2
    assert not set(tied[both["retraining"]]) & set(tied[np.concatenate(list(alone.values()))])
