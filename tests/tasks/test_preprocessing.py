"""What is recorded of the way from readings to inputs makes the same inputs again, to the last bit."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import PREPROCESSINGS, TaskOptions, build_task, preprocessing_from
from lowland.tasks.jets import CLASSES, FEATURES
from lowland.tasks.preprocessing import Classes, Number
from lowland.tasks.standardisation import standardisation
from tests.tasks.table.tables import turbines

SIZES = {"train_rows": 400, "validation_rows": 100, "landscape_rows": 100, "test_rows": 100}
JETS = {"kind": "jets", "source": "openml", "hidden": [4], **SIZES}
NUMBER = {"kind": "table", "target": "power", "hidden": [4], **SIZES}
CLASS = NUMBER | {"target": "bearing", "classes": {"good": 0, "worn": [1, 2]}}


def recorded(splits):
    """The preprocessing that a file brings back."""
    return preprocessing_from(json.loads(json.dumps(splits.facts["preprocessing"])))


def among(inputs, rows):
    """Whether every row is one of the inputs, bit for bit."""
    return {row.numpy().tobytes() for row in rows} <= {row.numpy().tobytes() for row in inputs}


def jets():
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(draws.lognormal(size=(750, 16)).astype(np.float32), columns=list(FEATURES))
    return frame.assign(label=np.array(CLASSES)[np.arange(750) % 5], set="nominal")


def test_raw_jets_become_the_inputs_of_the_task():
    raw = jets()
    splits = build_task(TaskOptions.model_validate(JETS)).prepare(raw)
    preprocessing = recorded(splits)
    assert [feature.name for feature in preprocessing.features] == list(FEATURES)
    assert {feature.name: feature.unit for feature in preprocessing.features}["mass_mmdt"] == "GeV"
    assert preprocessing.features[0].unit == "1"
    for values in (raw, raw.sample(frac=1, random_state=1, axis=1), raw[list(FEATURES)].to_numpy()):
        inputs = preprocessing.apply(values)
        assert inputs.dtype == torch.float32
        for part in splits.values():
            assert among(inputs, part.inputs)


@pytest.mark.parametrize("kind", [NUMBER, CLASS], ids=["number", "class"])
@pytest.mark.parametrize("clip", [0.0, 0.02])
@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_rows_of_a_users_own_file_become_the_inputs_of_the_task(tmp_path, kind, clip, missing):
    """Gaps, codes for gaps in numbers and in text, far tails and a constant are in the file as users have them."""
    frame = turbines().assign(site=3.0)
    frame["speed"] = frame["speed"].map("{:.3f}".format).mask(frame.index % 40 == 0, "n/a")
    frame.to_csv(tmp_path / "turbines.csv", index=False)
    columns = ["wind", "speed", "temperature", "vibration", "site"]
    options = {"features": columns, "missing": missing, "missing_codes": [-99, "n/a"], "clip_quantile": clip}
    task = build_task(TaskOptions.model_validate(kind | options | {"path": str(tmp_path / "turbines.csv")}))
    splits = task.prepare(task.fetch())
    preprocessing = recorded(splits)
    assert preprocessing.features[4].constant
    assert (preprocessing.features[0].lowest is None) == (clip == 0)
    read = pd.read_csv(tmp_path / "turbines.csv", keep_default_na=False)
    whole = read[(read.temperature != -99) & (read.speed != "n/a")]
    inputs = preprocessing.apply(read if missing == "mean" else whole)
    for part in splits.values():
        assert among(inputs, part.inputs)
    if missing == "drop":
        with pytest.raises(LowlandError, match=r"feature 'speed' is missing in 23 rows \(first: row 0\)"):
            preprocessing.apply(read)


@pytest.mark.parametrize("as_text", [True, False])
def test_dates_and_decimal_commas_are_read_as_the_task_reads_them(tmp_path, as_text):
    frame, path = turbines(), tmp_path / "turbines.csv"
    frame["when"] = pd.date_range("2020-01-01", periods=len(frame), freq="h").strftime("%Y-%m-%dT%H:%M:%S")
    frame["speed"] = frame["speed"].map("{:.3f}".format).str.replace(".", ",").mask(frame.index % 9 == 0, "NA")
    frame[["when", "speed", "bearing"]].to_csv(path, sep=";", index=False)
    options = {"features": ["when", "speed"], "missing": "mean", "decimal": ",", "separator": ";", "path": str(path)}
    task = build_task(TaskOptions.model_validate(CLASS | options))
    splits = task.prepare(task.fetch())
    read = pd.read_csv(path, sep=";", **({"dtype": str, "keep_default_na": False} if as_text else {"decimal": ","}))
    assert among(recorded(splits).apply(read), splits.held_out.samples.inputs)


@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_codes_are_none_of_dates_and_durations(tmp_path, missing):
    """0 stands for a gap among numbers; a day and a wait of 0 seconds are what they are, in training and after it."""
    frame, path = turbines(), tmp_path / "turbines.parquet"
    frame["wait"] = pd.to_timedelta(np.arange(len(frame)) % 4, unit="s")
    frame["speed"] = frame["speed"].mask(frame.index % 9 == 0, 0)
    frame[["wait", "speed", "bearing"]].to_parquet(path)
    options = {"features": ["wait", "speed"], "missing": missing, "missing_codes": [0], "path": str(path)}
    task = build_task(TaskOptions.model_validate(CLASS | options))
    splits = task.prepare(task.fetch())
    used = frame if missing == "mean" else frame[frame["speed"] != 0]
    assert among(recorded(splits).apply(used), splits["train"].inputs)
    assert len(splits["train"].inputs[:, 0].unique()) == 4


def test_predictions_are_classes_or_numbers_in_the_unit_of_the_target(tmp_path):
    turbines().to_csv(tmp_path / "turbines.csv", index=False)
    options = {"path": str(tmp_path / "turbines.csv"), "features": ["wind"]}
    task = build_task(TaskOptions.model_validate(CLASS | options))
    assert recorded(task.prepare(task.fetch())).predictions(torch.eye(2)).tolist() == ["good", "worn"]
    task = build_task(TaskOptions.model_validate(NUMBER | options))
    splits = task.prepare(raw := task.fetch())
    predictions = recorded(splits).predictions(splits["train"].targets[:, :1])
    assert all(np.isclose(raw["power"].to_numpy(), prediction, rtol=0, atol=1e-4).any() for prediction in predictions)


def record(**options):
    training = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]])
    return standardisation(training, {"x": None, "y": "m"}, Classes(names=("a", "b")), **options)


def test_codes_are_compared_in_the_type_of_the_values():
    preprocessing = record(fill_gaps=True, missing_codes=[-99.9])
    gap = preprocessing.apply(np.array([[np.nan, 1.0]]))
    for dtype in (np.float32, np.float64):
        assert torch.equal(preprocessing.apply(np.array([[-99.9, 1.0]], dtype)), gap)


@pytest.mark.parametrize(
    "code, dtype, reading, missing",
    [
        (-99.9, np.int64, -99, False),  # a whole number is no fraction
        (-99, np.int64, -99, True),
        (-99, np.uint8, 157, False),  # what the type cannot hold occurs nowhere
        (-99.9, np.float16, -99.9, True),
        (-99.9, ">f4", -99.9, True),
        (-99.9, np.longdouble, -99.9, True),
        ("-99", np.float64, -99, True),  # in quotes, as in a table
        ("n/a", np.float64, -99, False),
    ],
)
def test_codes_in_arrays_are_those_of_tables(code, dtype, reading, missing):
    array = np.array([[reading, 1]], dtype)
    preprocessing = record(fill_gaps=True, missing_codes=[code])
    gap = preprocessing.apply(np.array([[np.nan, 1.0]]))
    assert torch.equal(preprocessing.apply(array), gap) == missing
    if dtype in (np.int64, np.uint8, np.float64):
        assert torch.equal(preprocessing.apply(array), preprocessing.apply(pd.DataFrame(array, columns=["x", "y"])))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_missing(value):
    values = np.array([[2.0, 1.0], [value, 1.0]])
    assert record(fill_gaps=True, clip_quantile=0.1).apply(values)[1, 0] == 0
    with pytest.raises(LowlandError, match=r"feature 'x' is missing in 1 rows \(first: row 1\)"):
        record().apply(values)


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((3, 3)), r"values are float64 of shape \(3, 3\); expected numbers \[rows, 2\]: x, y"),
        (np.zeros(2), "expected numbers"),
        (np.array([["a", "b"]]), "expected numbers"),
        (pd.DataFrame({"x": [1.0]}), "table: column 'y', which features names, is missing; the file has x"),
        (pd.DataFrame({"x": ["a"], "y": [1.0]}), "table: column 'x' holds 'a' in row 1 .* expected numbers"),
    ],
)
def test_other_values_are_refused_in_one_line(values, message):
    with pytest.raises(LowlandError, match=message):
        record().apply(values)


def test_a_record_is_frozen_and_strict():
    preprocessing = record()
    with pytest.raises(ValueError, match="frozen"):
        preprocessing.kind = "wafers"
    with pytest.raises(LowlandError, match="preprocessing kind is 'sounds'; expected one of table, wafers, frames"):
        preprocessing_from({"kind": "sounds"})
    with pytest.raises(ValueError, match="finite"):
        Number(name="y", mean=float("nan"), scale=1.0)
    assert set(PREPROCESSINGS) == {"table", "wafers", "frames", "images", "text"}
