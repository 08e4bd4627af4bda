import logging

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.tasks import TaskOptions, build_task
from lowland.tasks.networks import initialised_network
from tests.tasks.table.tables import turbines

CLASSES = {
    "kind": "table",
    "features": "all",
    "drop": ["note_*", "power"],
    "target": "bearing",
    "classes": {"sound": 0, "worn": [1, 2]},
    "group": "turbine",
    "shift": {"column": "year", "share": 0.2},
    "missing": "mean",
    "missing_codes": [-99],
    "train_rows": 400,
    "validation_rows": 60,
    "landscape_rows": 60,
    "test_rows": 140,
    "hidden": [6],
}
NUMBER = {key: value for key, value in CLASSES.items() if key not in ("classes", "drop", "shift")} | {
    "features": ["wind", "speed", "temperature"],
    "target": "power",
}
SETS = ("train", "validation", "landscape", "test")


def task(frame, folder, options=CLASSES, **changes):
    path = folder / "turbines.csv"
    frame.to_csv(path, index=False)
    return build_task(TaskOptions.model_validate(options | {"path": str(path)} | changes))


def accepted(frame, folder, options=CLASSES, **changes):
    """A task and its raw table after the check."""
    made = task(frame, folder, options, **changes)
    raw = made.fetch()
    made.check(raw, "tasks.bearing")
    return made, raw


def test_a_table_becomes_standardised_sets(tmp_path):
    made, raw = accepted(turbines(), tmp_path)
    splits = made.prepare(raw)
    assert made.shifted_sets == ("later",) and list(splits.shifted) == ["later"]
    assert splits.train.inputs.mean(dim=0).abs().max() < 1e-5
    assert (splits.train.inputs.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    assert len(splits.shifted["later"].inputs) == pytest.approx(0.2 * len(raw), rel=0.2)
    assert made.network_spec_for(splits.train) == {"kind": "mlp", "inputs": 4, "hidden": [6], "outputs": 2}
    shares = [splits.__dict__[name].targets.float().mean() for name in SETS]
    assert max(shares) - min(shares) < 0.03


def test_the_same_table_is_divided_the_same_way_and_survives_storage(tmp_path):
    made, raw = accepted(turbines(), tmp_path)
    raw.to_parquet(tmp_path / "raw.parquet", index=False)
    first, second = made.prepare(raw), made.prepare(pd.read_parquet(tmp_path / "raw.parquet"))
    assert all(torch.equal(first.to_tensors()[name], tensor) for name, tensor in second.to_tensors().items())


@pytest.mark.parametrize("changes", [{}, {"group": None}, {"shift": None}, {"group": None, "shift": None}])
def test_no_turbine_and_no_duplicate_is_in_two_sets(tmp_path, changes):
    frame = turbines()
    frame.loc[800:899, ["wind", "speed", "temperature", "vibration"]] = frame.loc[
        0:99, ["wind", "speed", "temperature", "vibration"]
    ].to_numpy()
    made, raw = accepted(
        frame, tmp_path, **changes, **({} if changes.get("shift", 1) else {"drop": ["note_*", "power", "year"]})
    )
    sets = made._sets(raw)
    features = raw[["wind", "speed", "temperature", "vibration"]].fillna(0).apply(tuple, axis=1)
    groups = frame["turbine"] if "group" in changes else raw["turbine"]
    for name, rows in sets.items():
        for other, others in sets.items():
            if name != other:
                assert not set(features[rows]) & set(features[others])
                assert "group" in changes or not set(groups[rows]) & set(groups[others])
    assert sum(map(len, sets.values())) <= len(raw)


def test_rows_of_other_classes_are_left_out_and_counted(tmp_path, caplog):
    frame = turbines()
    with caplog.at_level(logging.INFO, logger="lowland"):
        raw = task(frame, tmp_path).fetch()
    strays, gaps = (frame["bearing"] == -1).sum(), (frame["temperature"] == -99).sum()
    assert len(raw) == len(frame) - strays and set(raw["bearing"]) == {"sound", "worn"}
    assert f"{len(raw)} of 900 rows used ({strays} hold no target in use)" in caplog.text
    assert f"4 features (left out as text: comment), {gaps} missing values in {gaps} rows (mean)" in caplog.text


def test_gaps_stand_at_the_training_mean_or_their_rows_are_dropped(tmp_path):
    made, raw = accepted(turbines(), tmp_path)
    splits, place = made.prepare(raw), list(made._features(raw)).index("temperature")
    gaps = raw["temperature"].isna()[made._sets(raw)["test"]].to_numpy()
    assert gaps.any() and splits.test.inputs[torch.tensor(gaps), place].abs().max() < 1e-5
    _, dropped = accepted(turbines(), tmp_path, missing="drop")
    assert len(dropped) == raw["temperature"].notna().sum()


def test_tails_are_cut_off_where_training_rows_end(tmp_path):
    frame = turbines()
    frame.loc[frame["year"] == frame["year"].max(), "wind"] = 1e30
    cut, uncut = (
        made.prepare(raw)
        for made, raw in (accepted(frame, tmp_path, clip_quantile=share, target="bearing") for share in (0.01, 0))
    )
    assert cut.shifted["later"].inputs.abs().max() < 6 < uncut.shifted["later"].inputs.abs().max()
    assert cut.shifted["later"].inputs[:, 0].max() == cut.train.inputs[:, 0].max()


def test_a_column_that_is_constant_in_training_is_nothing_elsewhere(tmp_path):
    frame = turbines().assign(sensor=lambda f: np.where(f["year"] == f["year"].max(), 1e13, 7.0))
    made, raw = accepted(frame, tmp_path)
    splits, place = made.prepare(raw), list(made._features(raw)).index("sensor")
    assert not splits.shifted["later"].inputs[:, place].any() and splits.zero[place] == 0


def test_a_number_is_learned_standardised_and_scored_in_its_own_units(tmp_path):
    made, raw = accepted(turbines(), tmp_path, NUMBER)
    splits = made.prepare(raw)
    targets, rows = splits.train.targets, made._sets(raw)["train"]
    spread, width = raw["power"][rows].std(ddof=0), np.ptp(raw["power"][rows])
    assert targets[:, 0].mean().abs() < 1e-5 and targets[0, 1:].tolist() == pytest.approx([spread, width])
    assert made.network_spec() == {"kind": "mlp", "inputs": 3, "hidden": [6], "outputs": 1}
    outputs = targets[:, :1] + 0.5
    assert made.row_scores(outputs, targets).mean() == pytest.approx(0.5 * spread, rel=1e-4)
    assert made.loss(outputs, targets) == pytest.approx(0.25, rel=1e-4)
    assert torch.equal(made.row_losses(outputs, targets).mean(), made.loss(outputs, targets))
    test = raw["power"][made._sets(raw)["test"]]
    assert made.guess_score(splits.test.targets) == pytest.approx((test - test.median()).abs().mean(), rel=0.02)
    assert not made.higher_is_better and not made.decides


def test_an_answer_that_is_no_number_scores_worst_and_decides_otherwise(tmp_path):
    made = task(turbines(), tmp_path, NUMBER)
    targets = torch.tensor([[0.0, 2.0, 9.0]]).expand(4, 3)
    outputs = torch.tensor([[float("nan")], [float("inf")], [-1e30], [0.5]])
    assert made.row_scores(outputs, targets).tolist() == [9.0, 9.0, 9.0, 1.0]
    assert made.decisions(torch.tensor([[0.52], [0.48], [0.61], [-0.04]])).tolist() == [5, 5, 6, 0]
    assert len(made.decisions(outputs).unique()) == 3


GOOD = turbines()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"target": "wear"}, r"turbines\.csv: column 'wear', which target names, is missing"),
        ({"group": "farm"}, "column 'farm', which group names, is missing"),
        ({"shift": {"column": "day", "share": 0.2}}, r"column 'day', which shift\.column names, is missing"),
        ({"shift": {"column": "comment", "share": 0.2}}, "column 'comment', which shift.column names, holds text"),
        ({"features": ["wind", "gust"], "drop": []}, "column 'gust', which features names, is missing"),
        ({"features": ["wind", "comment"], "drop": []}, "column 'comment' holds 'none'; expected numbers"),
        ({"missing": "refuse"}, r"^tasks.bearing: column 'temperature' has \d+ missing, NaN or infinite values"),
        ({"classes": {"sound": 0, "lost": 7}}, "class 'lost' never occurs: column 'bearing' has no row with 7"),
        ({"classes": {"a": 7, "b": 8}}, "no row is left"),
        ({"group": "wind", "features": ["speed"], "drop": []}, "group column 'wind' is different in every row"),
        ({"group": "comment"}, r"group 'none' of column 'comment' holds (\d+) of \1 rows"),
        (
            {"shift": {"column": "note_code", "share": 0.05}, "group": None, "drop": ["power"]},
            "cannot be cut near a sh",
        ),
        (
            {"validation_rows": 1},
            "validation_rows gets [01] groups of class 'sound', of 129; at least 2",
        ),
    ],
)
def test_parameters_that_do_not_fit_the_table_are_one_line(tmp_path, changes, message):
    with pytest.raises(LowlandError, match=message) as caught:
        accepted(GOOD, tmp_path, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: f.assign(wind=np.inf), "column 'wind' holds no number at all"),
        (lambda f: f.assign(copy=f["bearing"] * 2 - 1), "feature 'copy' is a copy of the target"),
        (lambda f: f.assign(copy=f["bearing"] > 0), "feature 'copy' is a copy of the target"),
        (lambda f: f.assign(copy=f["bearing"].where(f.index != 5)), "feature 'copy' is a copy of the target"),
        (lambda f: f.assign(copy=f["bearing"].where(f.index % 9 == 0)), "feature 'copy' is a copy of the target"),
        (lambda f: f.assign(wind=1, speed=1, temperature=1, vibration=1), "all 4 features are constant"),
        (lambda f: f.assign(turbine=f["turbine"].where(f["turbine"] > "T005")), "group column 'turbine' is empty in"),
        (
            lambda f: f.assign(turbine=np.where(f.index < 600, "T000", f["turbine"])),
            r"group 'T000' of column 'turbine' holds \d+ of",
        ),
        (
            lambda f: f.assign(turbine=np.where(f["bearing"] == 0, "A" + f["turbine"].str[-1], "B")),
            "train_rows gets 1 groups of class 'worn', of 1; at least 2",
        ),
        (lambda f: f.assign(year=2020), "shift column 'year' cannot be cut"),
        (lambda f: f[f.index % 91 < 4], "gets [01] groups of class"),
    ],
)
def test_a_damaged_table_is_one_line(tmp_path, damage, message):
    with pytest.raises(LowlandError, match=message) as caught:
        accepted(damage(GOOD), tmp_path)
    assert "\n" not in str(caught.value)


def test_few_rows_that_agree_with_the_classes_by_chance_make_no_copy(tmp_path):
    accepted(GOOD.assign(rare=GOOD["bearing"].where(GOOD.index % 60 == 0)), tmp_path)


@pytest.mark.parametrize(
    "damage, changes, message",
    [
        (lambda f: f.assign(power="low"), {}, "target 'power' holds text; expected numbers, or classes"),
        (lambda f: f.assign(power=3.0), {}, "target 'power' is constant"),
        (lambda f: f.assign(speed=-2 * f["power"] + 1), {}, "feature 'speed' is a copy of the target"),
        (
            lambda f: f.assign(power=f["power"].where(f.index > 9), temperature=1.0),
            {"missing": "refuse"},
            "target 'power' is missing in 10 rows",
        ),
    ],
)
def test_a_number_that_cannot_be_learned_is_one_line(tmp_path, damage, changes, message):
    with pytest.raises(LowlandError, match=message):
        accepted(damage(GOOD), tmp_path, NUMBER, **changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"features": ["wind", "turbine"], "drop": []}, "features names 'turbine', which is group: it would give"),
        ({"features": ["wind", "year"], "drop": []}, r"features names 'year', which is shift\.column"),
        ({"features": ["wind", "bearing"], "drop": []}, "features names 'bearing', which is target"),
        ({"features": ["wind", "wind"], "drop": []}, "features names 'wind' twice"),
        ({"features": ["wind"]}, "drop works on features: all only"),
        ({"group": "bearing"}, "target is 'bearing', which is group or shift.column too"),
        ({"classes": {"a": [0, 1], "b": [1.0]}}, "classes name the value 1.0 twice"),
        ({"classes": [0]}, "at least 2 items"),
        ({"shift": {"column": "year", "share": 0.7}}, "less than or equal to 0.5"),
    ],
)
def test_parameters_that_would_leak_are_refused_before_the_table_is_read(changes, message):
    with pytest.raises(ValidationError, match=message):
        TaskOptions.model_validate(CLASSES | {"path": "nowhere.csv"} | changes)


def test_a_list_of_classes_is_each_value_on_its_own():
    options = TaskOptions.model_validate(CLASSES | {"path": "nowhere.csv", "classes": [0, 1, "2"]}).root
    assert options.classes == {"0": (0,), "1": (1,), "2": ("2",)}


def test_who_lacks_the_file_is_told_where_it_comes_from(tmp_path):
    assert build_task(TaskOptions.model_validate(CLASSES | {"path": "x.csv"})).whence == "see docs/data"
    told = TaskOptions.model_validate(CLASSES | {"path": "x.csv", "obtained_from": "the wind farm"})
    assert build_task(told).whence == "the wind farm"


def test_how_many_columns_all_are_is_asked_of_the_rows(tmp_path):
    with pytest.raises(LowlandError, match="ask network_spec_for"):
        task(GOOD, tmp_path).network_spec()
    assert initialised_network(task(GOOD, tmp_path, NUMBER).network_spec(), key=("x",)).spec["inputs"] == 3
