import logging

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from lowland.architectures import initialised_network
from lowland.datasets import TableDataset
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.tasks import TaskOptions, build_task
from lowland.tasks.table.listing import lines_of
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
SETS = ("train", "validation", "landscape", "selection", "test")


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
    assert [shifted.name for shifted in made.shifted_sets] == ["later"] and list(splits.shifted) == ["later"]
    assert splits["train"].inputs.mean(dim=0).abs().max() < 1e-5
    assert (splits["train"].inputs.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    assert len(splits.shifted["later"].samples.inputs) == pytest.approx(0.2 * len(raw), rel=0.2)
    assert made.network_spec_for(splits["train"]) == {"kind": "mlp", "inputs": 4, "hidden": [6], "outputs": 2}
    shares = [splits[name].targets.float().mean() for name in SETS]
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


def test_what_is_used_and_left_out_is_told_once_and_kept_with_the_table(tmp_path, caplog):
    frame = turbines()
    frame.loc[frame["bearing"] == -1, "temperature"] = -99  # gaps of rows that are not used are nobody's
    strays, gaps = int((frame["bearing"] == -1).sum()), int((frame["temperature"] == -99).sum())
    with caplog.at_level(logging.INFO, logger="lowland"):
        made, raw = accepted(frame, tmp_path)
        TableDataset(filepath=str(tmp_path / "raw.parquet")).save(raw)
        raw = TableDataset(filepath=str(tmp_path / "raw.parquet")).load()
        made.check(raw, "again")
    assert len(raw) == len(frame) - strays and set(raw["bearing"]) == {"sound", "worn"}
    assert raw.attrs["listing"] == {
        "file": "turbines.csv",
        "rows": 900,
        "rows_used": 900 - strays,
        "rows_without_target": strays,
        "rows_dropped_for_gaps": 0,
        "missing": "mean",
        "features": [
            {"name": "wind", "gaps": 0},
            {"name": "speed", "gaps": 0},
            {"name": "temperature", "gaps": int((frame["temperature"][frame["bearing"] != -1] == -99).sum())},
            {"name": "vibration", "gaps": 0},
        ],
        "left_out": [
            {"name": "note_code", "why": "drop"},
            {"name": "comment", "why": "text"},
            {"name": "power", "why": "drop"},
        ],
    }
    assert [record.message for record in caplog.records] == lines_of(raw.attrs["listing"], target="bearing")
    dropped = task(frame, tmp_path, missing="drop").fetch().attrs["listing"]
    assert dropped["rows_used"] + dropped["rows_without_target"] + dropped["rows_dropped_for_gaps"] == 900
    assert 0 < dropped["rows_dropped_for_gaps"] <= gaps


def test_codes_that_no_feature_holds_and_numbers_that_are_rounded_are_told(tmp_path, caplog):
    frame = turbines().assign(key=2**60 + np.arange(900) % 7)
    task(frame, tmp_path, missing_codes=[-99, -999.5]).fetch()
    assert "no feature holds the missing_codes -999.5" in caplog.text and "'key' holds whole numbers" in caplog.text


def test_a_code_that_the_target_alone_holds_is_no_mistake(tmp_path, caplog):
    frame = turbines()
    frame.loc[::50, "power"] = -7.5
    raw = task(frame, tmp_path, NUMBER, missing_codes=[-99, -7.5]).fetch()
    assert len(raw) == 900 - 18 and "missing_codes" not in caplog.text


def test_long_numbers_of_groups_stay_apart_where_a_row_has_none(tmp_path):
    frame = turbines()
    frame["turbine"] = pd.array(2**60 + np.arange(900) // 7, dtype="Int64")
    frame.loc[0, "turbine"], frame.loc[0, "bearing"] = pd.NA, -1  # a row that is not used
    _, raw = accepted(frame, tmp_path)
    assert raw["turbine"].nunique() == 129 and raw["turbine"].iloc[0] == 2**60


def test_gaps_stand_at_the_training_mean_or_their_rows_are_dropped(tmp_path):
    made, raw = accepted(turbines(), tmp_path)
    splits, place = made.prepare(raw), list(made._features(raw)).index("temperature")
    gaps = raw["temperature"].isna()[made._sets(raw)["test"]].to_numpy()
    assert gaps.any() and splits.held_out.samples.inputs[torch.tensor(gaps), place].abs().max() < 1e-5
    _, dropped = accepted(turbines(), tmp_path, missing="drop")
    assert len(dropped) == raw["temperature"].notna().sum()


def test_tails_are_cut_off_where_training_rows_end(tmp_path):
    frame = turbines()
    frame.loc[frame["year"] == frame["year"].max(), "wind"] = 1e30
    cut, uncut = (
        made.prepare(raw)
        for made, raw in (accepted(frame, tmp_path, clip_quantile=share, target="bearing") for share in (0.01, 0))
    )
    assert cut.shifted["later"].samples.inputs.abs().max() < 6 < uncut.shifted["later"].samples.inputs.abs().max()
    assert cut.shifted["later"].samples.inputs[:, 0].max() == cut["train"].inputs[:, 0].max()


def test_a_column_that_is_constant_in_training_is_nothing_elsewhere(tmp_path):
    frame = turbines().assign(sensor=lambda f: np.where(f["year"] == f["year"].max(), 1e13, 7.0))
    made, raw = accepted(frame, tmp_path)
    splits, place = made.prepare(raw), list(made._features(raw)).index("sensor")
    assert not splits.shifted["later"].samples.inputs[:, place].any() and splits.zero[place] == 0


def test_a_number_is_learned_standardised_and_scored_in_its_own_units(tmp_path):
    made, raw = accepted(turbines(), tmp_path, NUMBER)
    splits = made.prepare(raw)
    targets, rows = splits["train"].targets, made._sets(raw)["train"]
    spread, width = raw["power"][rows].std(ddof=0), np.ptp(raw["power"][rows])
    assert targets[:, 0].mean().abs() < 1e-5 and targets[0, 1:].tolist() == pytest.approx([spread, width])
    assert made.network_spec() == {"kind": "mlp", "inputs": 3, "hidden": [6], "outputs": 1}
    outputs = targets[:, :1] + 0.5
    assert made.sample_scores(outputs, targets).mean() == pytest.approx(0.5 * spread, rel=1e-4)
    assert made.loss(outputs, targets) == pytest.approx(0.25, rel=1e-4)
    assert torch.equal(made.sample_losses(outputs, targets).mean(), made.loss(outputs, targets))
    test, targets = raw["power"][made._sets(raw)["test"]], splits.held_out.samples.targets
    assert made.guess_score(targets) == pytest.approx((test - test.median()).abs().mean(), rel=0.02)
    assert not made.higher_is_better and not made.is_classifier


def test_an_answer_that_is_no_number_scores_worst_and_decides_otherwise(tmp_path):
    made = task(turbines(), tmp_path, NUMBER)
    targets = torch.tensor([[0.0, 2.0, 9.0]]).expand(4, 3)
    outputs = torch.tensor([[float("nan")], [float("inf")], [-1e30], [0.5]])
    assert made.sample_scores(outputs, targets).tolist() == [9.0, 9.0, 9.0, 1.0]
    assert made.decisions(torch.tensor([[0.52], [0.48], [0.61], [-0.04]])).tolist() == [5, 5, 6, 0]
    assert len(made.decisions(outputs).unique()) == 3


@pytest.mark.parametrize("unit", [1e-47, 1e39, 1e-200, 1e200])
def test_a_number_is_scored_alike_in_every_unit(tmp_path, unit):
    means = []
    for factor in (1.0, unit):
        frame = turbines().assign(power=lambda f, factor=factor: f["power"] * factor)
        made, raw = accepted(frame, tmp_path, NUMBER)
        rows = made.prepare(raw)["test"]
        outputs = torch.linspace(-1, 1, len(rows.inputs))[:, None]
        scores = Estimate.from_samples(made.sample_scores(outputs, rows.targets))
        means.append(np.array([scores.value, scores.standard_error, made.guess_score(rows.targets)]) / factor)
        assert made.loss(outputs, rows.targets).dtype == torch.float32
    assert means[0].min() > 0 and means[1] == pytest.approx(means[0], rel=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_features_in_any_unit_are_standardised_and_copies_seen(tmp_path, unit):
    made, raw = accepted(turbines().assign(speed=lambda f: f["speed"] * unit), tmp_path)
    inputs = made.prepare(raw)["train"].inputs
    assert (inputs.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    with pytest.raises(LowlandError, match="feature 'speed' is a copy"):
        accepted(turbines().assign(speed=lambda f: f["power"] * unit), tmp_path, NUMBER)


@pytest.mark.parametrize(
    "column, changes, message",
    [
        ("power", NUMBER, r"target 'power' has values up to 1e\+305; float64 computes between 1e-300 and 1e\+300: use"),
        ("speed", CLASSES, "column 'speed' has values up to 1e"),
    ],
)
def test_what_float64_cannot_compute_with_is_one_line(tmp_path, column, changes, message):
    frame = turbines()
    frame.loc[7, column] = 1e305
    with pytest.raises(LowlandError, match=message):
        accepted(frame, tmp_path, changes)
    frame[column] = np.arange(900) % 7 * 1e-305
    with pytest.raises(LowlandError, match="values that differ by 6e-305"):
        accepted(frame, tmp_path, changes)


def test_dates_order_the_rows_of_a_shift(tmp_path):
    frame = turbines()
    when = pd.Timestamp("2020-01-01T00:00Z") + pd.to_timedelta(frame["year"] - 2010, unit="min")
    dated = {"shift": {"column": "when", "share": 0.2}, "drop": ["note_*", "power", "year"]}
    made, raw = accepted(
        frame.assign(when=when.map(lambda t: t.tz_convert("Asia/Tokyo").isoformat())), tmp_path, **dated
    )
    plain, numbers = accepted(frame, tmp_path, drop=["note_*", "power"])
    assert (made._sets(raw)["later"] == plain._sets(numbers)["later"]).all()
    assert "when" not in made._features(raw)


def test_classes_that_yaml_reads_as_true_and_false_are_found(tmp_path):
    frame = turbines().assign(bearing=lambda f: np.where(f["bearing"] == 0, "no", "yes"))
    _, raw = accepted(frame, tmp_path, classes=[True, False])
    assert raw["bearing"].value_counts().to_dict() == {
        "True": (frame["bearing"] == "yes").sum(),
        "False": (frame["bearing"] == "no").sum(),
    }


def test_classes_may_be_called_as_gaps_are(tmp_path):
    frame = turbines().assign(bearing=lambda f: np.where(f["bearing"] == 0, "NA", "None"))
    assert set(accepted(frame, tmp_path, classes=["NA", "None"])[1]["bearing"]) == {"NA", "None"}


def test_codes_are_compared_in_a_columns_own_precision(tmp_path):
    path = tmp_path / "turbines.parquet"
    frame = turbines()
    frame["temperature"] = frame["temperature"].replace(-99, -99.9).astype("float32")
    frame.to_parquet(path)
    options = CLASSES | {"path": str(path), "missing_codes": [-99.9]}
    raw = build_task(TaskOptions.model_validate(options)).fetch()
    assert raw["temperature"].isna().sum() == (frame["temperature"][frame["bearing"] >= 0] < -99).sum() > 0


def test_column_names_may_be_numbers(tmp_path):
    frame = turbines().rename(columns={"bearing": 4, "wind": 0, "speed": 1})
    made, raw = accepted(frame, tmp_path, features=[0, 1], target=4, drop=[])
    assert list(made._features(raw)) == ["0", "1"]


GOOD = turbines()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"target": "wear"}, r"turbines\.csv: column 'wear', which target names, is missing"),
        ({"group": "farm"}, "column 'farm', which group names, is missing"),
        ({"shift": {"column": "day", "share": 0.2}}, r"column 'day', which shift\.column names, is missing"),
        (
            {"shift": {"column": "comment", "share": 0.2}},
            "column 'comment', which shift.column names, holds text or gaps; .* or an ISO date",
        ),
        ({"features": ["wind", "gust"], "drop": []}, "column 'gust', which features names, is missing"),
        (
            {"features": ["wind", "comment"], "drop": []},
            "column 'comment' holds 'none' in row 1 below the header .900 such cells.; expected numbers",
        ),
        ({"missing": "refuse"}, r"^tasks.bearing: column 'temperature' has \d+ missing, NaN or infinite values"),
        ({"classes": {"sound": 0, "lost": 7}}, "class 'lost' never occurs: column 'bearing' has no row with 7"),
        (
            {"classes": {"a": 7, "b": 8}},
            r"class 'a' never occurs: .* no row with 7; it holds 0 \(\d+\), .*correct classes",
        ),
        (
            {"classes": [True, False], "target": "comment"},
            "no row with Yes|no row with True or .*; it holds 'none' .900",
        ),
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


def test_a_table_of_which_no_row_is_left_is_one_line(tmp_path):
    with pytest.raises(LowlandError, match="no row is left; correct target, classes or missing"):
        accepted(GOOD.assign(wind=np.nan), tmp_path, missing="drop")


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
        (
            lambda f: f.assign(power="low"),
            {},
            "target 'power' holds text or dates: .* 'low' in row 1 below .*; or name classes",
        ),
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
        ({"classes": [0]}, "classes name only '0'; expected at least two classes"),
        ({"classes": []}, "classes name nothing; expected at least two classes"),
        ({"classes": [0, float("nan")]}, "nan came as a value; NaN and infinite cells are gaps already"),
        ({"classes": ["a", "a"]}, "classes name one twice among a, a"),
        ({"classes": {1: [0], "1": [1], "b": [2]}}, "classes name one twice among 1, 1, b; name each once"),
        ({"target": True}, "a column's name came as true: YAML reads yes, no, on and off so; put it in quotes"),
        ({"separator": ":"}, "separator"),
        ({"separator": ",", "decimal": ","}, "separator and decimal are both ','"),
        ({"encoding": "latin-99"}, "encoding 'latin-99' is not known; expected utf-8, latin-1"),
        ({"encoding": "base64"}, "encoding 'base64' is not known; expected utf-8, latin-1"),
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
    assert build_task(TaskOptions.model_validate(CLASSES | {"path": "x.csv"})).obtained_from == "see docs/data"
    told = TaskOptions.model_validate(CLASSES | {"path": "x.csv", "obtained_from": "the wind farm"})
    assert build_task(told).obtained_from == "the wind farm"


def test_how_many_columns_all_are_is_asked_of_the_rows(tmp_path):
    with pytest.raises(LowlandError, match="ask network_spec_for"):
        task(GOOD, tmp_path).network_spec()
    assert initialised_network(task(GOOD, tmp_path, NUMBER).network_spec(), key=("x",)).spec["inputs"] == 3


@pytest.mark.parametrize("name", ["threshold_rows", "retraining_rows"])
def test_numbers_are_neither_risked_nor_answered_otherwise(name, tmp_path):
    with pytest.raises(ValidationError, match=f"{name} is 30 without classes; expected 0"):
        task(turbines(), tmp_path, NUMBER, **{name: 30})
