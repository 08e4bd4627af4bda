import numpy as np
import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import Splits, build_task
from lowland.tasks import jets as jets_module
from lowland.tasks.jets import CLASSES, FEATURES, JetsOptions

OPTIONS = JetsOptions(
    kind="jets", source="file", train_rows=100, validation_rows=20, landscape_rows=20, test_rows=40, hidden=(8, 4)
)


@pytest.fixture
def raw():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(3.0, 2.0, size=(300, 16)).astype("float32"), columns=FEATURES)
    return frame.assign(
        label=[CLASSES[i % 5] for i in range(300)],
        set=["nominal"] * 200 + ["smeared"] * 40 + ["pileup"] * 30 + ["high_pt"] * 30,
    )


def test_splits_are_standardised_and_shifted_sets_are_not_refitted(raw):
    splits = build_task(OPTIONS).prepare(raw)
    assert splits["train"].inputs.mean(dim=0).abs().max() < 1e-5
    assert (splits["train"].inputs.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    assert set(splits.shifted) == {"smeared", "pileup", "high_pt"}
    assert {part: len(rows.inputs) for part, rows in splits.items()} == {
        "train": 100,
        "validation": 20,
        "landscape": 20,
        "selection": 20,
        "test": 20,
    }


def test_rows_for_thresholds_come_from_the_rest_and_leave_every_other_set_as_it_is(raw):
    before = build_task(OPTIONS).prepare(raw).to_tensors()
    task = build_task(OPTIONS.model_copy(update={"threshold_rows": 15}))
    task.check(raw, "jets.parquet")
    splits = task.prepare(raw)
    after = splits.to_tensors()
    assert after.keys() - before.keys() == {"threshold/inputs", "threshold/targets"}
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert splits["threshold"].targets.bincount().tolist() == [3] * 5
    known = {row.numpy().tobytes() for name in splits if name != "threshold" for row in splits[name].inputs}
    assert not known & {row.numpy().tobytes() for row in splits["threshold"].inputs}
    with pytest.raises(LowlandError, match="180 nominal rows leave 0 for threshold_rows; at least one a class"):
        task.check(raw.drop(index=range(20)), "jets.parquet")


def test_splits_survive_their_tensor_form(raw):
    splits = build_task(OPTIONS).prepare(raw)
    again = Splits.from_tensors(splits.to_tensors())
    assert torch.equal(again["test"].inputs, splits["test"].inputs)
    assert torch.equal(again.shifted["pileup"].samples.targets, splits.shifted["pileup"].samples.targets)
    assert torch.equal(again.zero, splits.zero)


def test_zero_is_where_a_feature_of_nothing_lies(raw):
    empty = raw.copy()
    shifted = empty["set"] == "pileup"
    empty.loc[shifted, list(FEATURES)] = 0.0
    splits = build_task(OPTIONS).prepare(empty)
    torch.testing.assert_close(splits.shifted["pileup"].samples.inputs[0], splits.zero)


def test_guessing_names_the_most_frequent_class():
    assert build_task(OPTIONS).guess_score(torch.tensor([0, 3, 3, 1])) == 0.5


def test_labels_follow_the_published_order_of_classes(raw):
    splits = build_task(OPTIONS).prepare(raw)
    assert all(splits[half].targets.bincount().tolist() == [4] * 5 for half in ("selection", "test"))


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: f.iloc[list(range(30)) + list(range(200, 300))], r"30 nominal rows leave 3 for validation_rows"),
        (lambda f: f.drop(columns="set"), "column 'set' is missing"),
        (lambda f: f.assign(set="smeared"), "never says 'nominal'"),
        (lambda f: f[f.set != "pileup"], "never says 'pileup'"),
        (lambda f: f.drop(columns="zlogz"), r"jets\.parquet \(set 'nominal'\): column 'zlogz' is missing"),
        (lambda f: f[~((f.set == "pileup") & (f.label == "t"))], r"set 'pileup'\): class 't' has 0 rows"),
    ],
)
def test_damaged_tables_are_refused(raw, damage, message):
    with pytest.raises(LowlandError, match=message):
        build_task(OPTIONS).check(damage(raw), "jets.parquet")


def test_a_row_with_a_non_finite_output_is_wrong():
    task = build_task(OPTIONS)
    outputs = torch.tensor([[0.0, 1.0], [float("nan"), 1.0], [float("inf"), 0.0]])
    assert task.sample_scores(outputs, torch.tensor([1, 1, 0])).tolist() == [1.0, 0.0, 0.0]


def test_published_set_is_brought_into_the_raw_form(monkeypatch, raw):
    import sklearn.datasets

    class Bunch:
        data = raw[list(FEATURES)]
        target = raw["label"]

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda name, **_: Bunch)
    frame = jets_module.fetch_openml_jets()
    task = build_task(OPTIONS.model_copy(update={"source": "openml"}))
    task.check(frame, "OpenML")
    assert task.prepare(frame).shifted == {} and task.shifted_sets == ()


def test_unreachable_openml_is_one_line(monkeypatch):
    import sklearn.datasets

    def refuse(name, **_):
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", refuse)
    with pytest.raises(LowlandError, match="source openml could not read 'hls4ml_lhc_jets_hlf'"):
        jets_module.fetch_openml_jets()
