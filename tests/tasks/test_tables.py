import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.tasks.tables import Preparation, Standardiser, check_table, stratified_split

SIZES = {"train": 60, "validation": 10, "test": 30}


def split(features, labels, sizes=SIZES):
    return stratified_split(np.asarray(features, np.float32), np.asarray(labels, np.int64), sizes, key=("toy",))


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
    assert all(np.array_equal(first[name], second[name]) for name in SIZES)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=20, max_size=120), st.integers(0, 2**31))
def test_duplicated_rows_never_leak_between_sets(values, seed):
    labels = np.random.default_rng(seed).integers(0, 2, len(values))
    features = np.array(values, np.float32)[:, None]
    parts = split(features, labels)
    for name in SIZES:
        for other in SIZES:
            if name != other:
                assert not set(features[parts[name], 0]) & set(features[parts[other], 0])


def test_the_division_of_known_rows_stays_the_one_it_was():
    features = np.random.default_rng(3).integers(0, 4, (400, 3)).astype(np.float32)
    sizes = {"train": 120, "validation": 20, "test": 60}
    parts = stratified_split(features, np.arange(400) % 3, sizes, key=("jets",))
    digests = {name: hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16] for name, rows in parts.items()}
    assert digests == {"train": "621df0193d7e9e08", "validation": "dcbb2921f78ecb67", "test": "173737e08a3707f1"}


def test_sets_shrink_together_where_rows_are_scarce():
    parts = split(np.random.default_rng(2).normal(size=(50, 2)), np.arange(50) % 2)
    assert [len(parts[name]) for name in SIZES] == [30, 5, 15] or sum(len(p) for p in parts.values()) == 50


def test_standardiser_uses_training_statistics_and_survives_constant_features():
    training = np.array([[1.0, 5.0], [3.0, 5.0]])
    rows = Standardiser(training).rows(np.array([[1.0, 5.0], [5.0, 6.0]]), np.array([0, 1]))
    assert rows.inputs.tolist() == [[-1.0, 0.0], [3.0, 1.0]]


def test_features_are_cut_off_filled_and_standardised_as_the_training_rows_say():
    training = np.array([[0.0, 7.0, 0.0], [2.0, 7.0, np.nan], [4.0, 7.0, 2.0], [1000.0, 7.0, 4.0]])
    plain = Preparation(training, clip_quantile=0)
    filled = np.where(np.isnan(training), 2.0, training)
    labels = np.arange(4)
    assert np.allclose(plain.rows(training, labels).inputs, Standardiser(filled).rows(filled, labels).inputs)
    assert plain.rows(np.array([[0.0, 8.0, np.nan]]), labels[:1]).inputs[0, 1:].tolist() == [0.0, 0.0]
    assert plain.zero[1] == 0 and plain.zero[2] == plain.rows(training, labels).inputs[0, 2]
    cut = Preparation(training, clip_quantile=0.25)
    assert cut.ends[:, 0].tolist() == [1.5, 253.0]
    inputs = cut.rows(np.array([[-5.0, 7.0, 2.0], [1.5, 7.0, 2.0]]), labels[:2]).inputs
    assert inputs[0, 0] == inputs[1, 0] == cut.rows(np.array([[1.5, 7.0, 2.0]]), labels[:1]).inputs[0, 0]


def test_zero_is_where_the_sensor_reads_nothing_though_no_row_is_let_there():
    training = np.array([[50.0, 7.0], [52.0, 7.0], [54.0, 7.0], [56.0, 7.0], [900.0, 7.0]])
    cut = Preparation(training, clip_quantile=0.25)
    mean, scale = cut.standardiser.mean[0], cut.standardiser.scale[0]
    assert cut.zero.tolist() == pytest.approx([-mean / scale, 0.0])
    inputs = cut.rows(np.array([[53.0, 7.0]]), np.zeros(1, np.int64)).inputs
    halved = cut.zero + 0.5 * (inputs - cut.zero)  # half the gain
    assert float(halved[0, 0]) * scale + mean == pytest.approx(26.5, rel=1e-5)


GOOD = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0], "label": ["x", "y", "x", "y"]})


def check(frame):
    check_table(frame, features=("a", "b"), label="label", classes=("x", "y"), origin="toy.parquet")


def test_a_good_table_passes():
    check(GOOD)


@pytest.mark.parametrize(
    "frame, message",
    [
        (GOOD.drop(columns="b"), r"toy\.parquet: column 'b' is missing"),
        (GOOD.assign(b="text"), "column 'b' holds"),
        (
            GOOD.assign(a=[1.0, float("nan"), 3.0, float("inf")]),
            r"column 'a' has 2 NaN or infinite values \(first in row 1\)",
        ),
        (GOOD.assign(label=["x", "x", "x", "y"]), "class 'y' has 1 rows; at least 2"),
        (GOOD.assign(label=["x", "y", "x", "w"]), "has the value 'w'; expected x, y"),
    ],
)
def test_a_bad_table_is_one_clear_line(frame, message):
    with pytest.raises(LowlandError, match=message) as caught:
        check(frame)
    assert "\n" not in str(caught.value)
