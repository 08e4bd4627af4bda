import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.tasks import Samples, TaskOptions, build_task, split_samples
from lowland.tasks.extra_splits import with_extra_sets
from lowland.tasks.jets import CLASSES, FEATURES
from lowland.tasks.splitting import grouped_split, stratified_split
from tests.tasks.table.tables import turbines

SIZES = {"train": 60, "validation": 10, "landscape": 10, "test": 20}
SPLITS = {"stratified": stratified_split, "grouped": grouped_split}


def divided(tied, labels, extra, split=stratified_split):
    chosen = split(tied, labels, SIZES, key=("toy",))
    return chosen, with_extra_sets(chosen, tied, labels, extra, key=("toy",), split=split)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(SPLITS)), st.integers(0, 2**31))
def test_extra_sets_leave_the_others_as_they_are_and_share_no_group_with_any(name, seed):
    draws = np.random.default_rng(seed)
    tied = np.unique(draws.integers(0, 150, 400), return_inverse=True)[1]
    chosen, found = divided(tied, draws.integers(0, 3, 400), {"retraining": 50, "threshold": 40}, SPLITS[name])
    assert list(found) == [*SIZES, "threshold", "retraining"]
    assert all(np.array_equal(found[name], rows) for name, rows in chosen.items())
    for a in found:
        for b in found:
            assert a == b or not set(tied[found[a]]) & set(tied[found[b]])


def test_the_first_extra_set_is_the_same_with_and_without_the_second():
    tied, labels = np.arange(300), np.arange(300) % 3
    both = divided(tied, labels, {"retraining": 60, "threshold": 60})[1]
    alone = divided(tied, labels, {"threshold": 60})[1]
    assert np.array_equal(both["threshold"], alone["threshold"])
    assert "retraining" not in alone
    assert np.bincount(labels[both["retraining"]]).tolist() == [20, 20, 20]


def test_without_extra_sets_nothing_is_drawn():
    chosen, found = divided(np.arange(300), np.arange(300) % 3, {})
    assert found == chosen


def test_an_extra_set_takes_what_is_left_and_says_so_where_nothing_is():
    tied, labels = np.arange(110), np.zeros(110, np.int64)
    assert len(divided(tied, labels, {"retraining": 50})[1]["retraining"]) == 10
    with pytest.raises(LowlandError, match=r"extra_rows.retraining asks for 50 rows; the other sets leave 0 of 90"):
        divided(tied[:90], labels[:90], {"retraining": 50})
    with pytest.raises(LowlandError, match=r"extra_rows.retraining asks for 5 rows; the other sets leave 0 of 110"):
        divided(tied, labels, {"retraining": 5, "threshold": 50})


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def inputs(samples):
    return {row.numpy().tobytes() for row in samples.inputs}


@pytest.mark.parametrize("kind", ["jets", "digits", "mnist", "table", "grouped table"])
def test_every_tasks_other_sets_stay_the_same_bytes_and_no_row_is_in_two(kind, tmp_path):
    few = {"train_rows": 80, "validation_rows": 40, "landscape_rows": 40, "test_rows": 60}
    draws = np.random.default_rng(0)
    if kind == "jets":
        raw = pd.DataFrame(draws.normal(size=(400, 16)).astype("float32"), columns=FEATURES)
        raw = raw.assign(label=[CLASSES[row % 5] for row in range(400)], set="nominal")
        raw.loc[340:, "set"] = ["smeared", "pileup", "high_pt"] * 20
        options = few | {"kind": "jets", "source": "file", "hidden": [4]}
    elif kind == "digits":
        options, raw = few | {"kind": "images", "source": "digits", "shift": "none"}, None
    elif kind == "mnist":
        shades = {f"x_{part}": draws.integers(0, 256, (300, 28, 28), dtype=np.uint8) for part in ("train", "test")}
        classes = {f"y_{part}": np.arange(300, dtype=np.uint8) % 10 for part in ("train", "test")}
        np.savez(tmp_path / "mnist.npz", **shades, **classes)
        options, raw = (
            few | {"kind": "images", "source": "mnist", "shift": "none", "path": tmp_path / "mnist.npz"},
            None,
        )
    else:
        turbines().to_csv(tmp_path / "turbines.csv", index=False)
        options = few | {"kind": "table", "path": str(tmp_path / "turbines.csv"), "hidden": [4], "missing": "mean"}
        options |= {"features": ["wind", "speed"], "target": "bearing", "classes": {"sound": 0, "worn": [1, 2]}}
        options |= {"group": "turbine"} if kind == "grouped table" else {}
        raw = None

    def prepared(extra):
        task = build_task(TaskOptions.model_validate(options | {"extra_rows": extra}))
        table = task.fetch() if raw is None else raw
        task.check(table, kind)
        return task.prepare(table)

    usual, more = prepared({}), prepared({"threshold": 30, "retraining": 50})
    tensors = more.to_tensors()
    for name in ("threshold", "retraining"):
        assert len(more[name].inputs) == len(tensors.pop(f"{name}/inputs")) >= 20
        tensors.pop(f"{name}/targets")
        for other in more:
            shared = inputs(more[name]) & inputs(more[other])
            # Numbers of tables are rounded: rows of different groups may agree in two of their columns.
            assert other == name or "table" in kind or not shared
    assert equal(usual.to_tensors(), tensors)


@pytest.mark.parametrize("groups", [None, np.arange(300) // 3])
def test_samples_of_a_users_own_task_are_split_alike(groups):
    rows = Samples(torch.randn(300, 4, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 3)
    usual = split_samples(rows, SIZES, key=("own",), groups=groups)
    more = split_samples(rows, SIZES | {"threshold": 60, "retraining": 60}, key=("own",), groups=groups)
    known = usual.to_tensors()
    assert equal(known, {name: tensor for name, tensor in more.to_tensors().items() if name in known})
    assert [len(more[name].inputs) for name in ("threshold", "retraining")] == [60, 60]
    assert not inputs(more["retraining"]) & set().union(*(inputs(more[name]) for name in more if name != "retraining"))
