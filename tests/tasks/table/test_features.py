import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lowland.errors import LowlandError
from lowland.tasks.table.features import CellFormat, feature_columns
from lowland.tasks.table.source import read_table

FRAME = pd.DataFrame({"id": [7, 8, 9], "a": [0.5, -99.0, 2.0], "b": [1, 0, 1], "text": ["x", "y", "z"]})


def chosen(features="all", frame=FRAME, **wanted):
    written = CellFormat(**{name: wanted.pop(name) for name in ("codes", "decimal") if name in wanted})
    options = {"drop": (), "reserved": ("id",)} | wanted
    return feature_columns(frame, features, path="t.csv", written=written, **options)


def test_all_takes_numbers_that_have_no_other_part_and_says_what_it_left_out():
    found = chosen(codes=(-99, "?"))
    assert list(found.values) == ["a", "b"] and found.left_out == {"text": "text"} and found.unseen_codes == ["?"]
    assert found.values["a"].isna().tolist() == [False, True, False] and (found.values.dtypes == "float64").all()
    dropped = chosen(drop=("a*",))
    assert list(dropped.values) == ["b"] and dropped.left_out == {"a": "drop", "text": "text"}
    assert chosen(drop=("a", "i*")).left_out == dropped.left_out  # the id is reserved: it has its part
    assert list(chosen(("b", "a")).values) == ["b", "a"]


def test_the_name_of_a_column_is_no_pattern():
    frame = pd.DataFrame({"x[0]": [1.0, 2.0], "x0": [3.0, 4.0], "x1": [5.0, 6.0]})
    assert list(chosen(frame=frame, drop=("x[0]",)).values) == ["x0", "x1"]
    assert list(chosen(frame=frame, drop=("x[01]",)).values) == ["x[0]"]


@pytest.mark.parametrize(
    "wanted, message",
    [
        (
            {"features": ("a", "c")},
            r"t\.csv: column 'c', which features names, is missing; the file has id, a, b, text",
        ),
        ({"features": ("text",)}, "column 'text' holds 'x' in row 1 below the header .3 such cells.; expected numbers"),
        ({"drop": ("label_*",)}, r"drop names 'label_\*', which matches no column"),
        ({"drop": ("a", "b")}, "features: all leaves no numeric column"),
    ],
)
def test_columns_that_are_not_there_are_one_line(wanted, message):
    with pytest.raises(LowlandError, match=message):
        chosen(**wanted)


@pytest.mark.parametrize(
    "values, decimal, message",
    [
        (
            ["1", "2", "bad", "4"],
            ".",
            "'x' holds 'bad' in row 3 below the header, where most rows hold numbers: correct",
        ),
        (["1", "?", "2", "?", "3"], ".", r"holds '\?' in row 2 below the header \(2 such cells\)"),
        (["1,5", "2,5", "3"], ".", "holds '1,5' in row 1 .*set decimal: \",\""),
        (["1,000.5", "2.5", "3"], ".", "take out what separates thousands"),
        (["1.000,5", "2,5", "3"], ",", "take out what separates thousands"),
        (["1.234", "2,5", "3"], ",", 'set decimal: "."'),
        (["1e400", "2", "3"], ".", "beyond what float64 holds: use another unit"),
        (["1e-400", "2", "3"], ".", "beyond what float64 holds: use another unit"),
    ],
)
def test_a_few_cells_that_are_no_numbers_do_not_take_their_column_away_in_silence(values, decimal, message):
    with pytest.raises(LowlandError, match=message) as caught:
        chosen(frame=pd.DataFrame({"id": 5, "x": values}), decimal=decimal)
    assert "drop" in str(caught.value) and "\n" not in str(caught.value)


def test_what_stands_for_nothing_makes_no_bad_cell_once_it_is_named():
    frame = pd.DataFrame({"id": 5, "x": ["1", "?", "NA", " 4 ", "-99.90"]})
    found = chosen(frame=frame, codes=("?", -99.9)).values["x"]
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, 4, np.nan])


def test_columns_that_count_the_rows_are_left_out(tmp_path):
    frame = pd.DataFrame({"x": [0.5, 0.25, 0.1]}, index=[3, 5, 4])
    frame.to_csv(tmp_path / "t.csv")
    frame.to_parquet(tmp_path / "t.parquet")
    frame.reset_index(drop=True).reset_index().to_csv(tmp_path / "twice.csv")
    for name, expected in (
        ("t.csv", {"Unnamed: 0": "no name"}),
        ("t.parquet", {"__index_level_0__": "no name"}),
        ("twice.csv", {"Unnamed: 0": "no name", "index": "row numbers"}),
    ):
        found = chosen(frame=read_table(tmp_path / name))
        assert list(found.values) == ["x"] and found.left_out == expected
    assert list(chosen(("Unnamed: 0",), read_table(tmp_path / "t.csv")).values["Unnamed: 0"]) == [3, 5, 4]


def test_what_float64_rounds_and_what_holds_no_numbers_is_told():
    column = pa.chunked_array([[[1], [2], [3]]])
    frame = pd.DataFrame(
        {"id": 5, "key": [2**53 + 1, 5, 9], "x": [1.0, 2, 3], "lists": pd.Series(pd.arrays.ArrowExtensionArray(column))}
    )
    found = chosen(frame=frame.assign(day=pd.to_datetime(["2020-01-01"] * 3), at=["2020-01-01", None, "2020-01-02"]))
    assert found.rounded == ["key"] and list(found.values) == ["key", "x"]
    assert found.left_out == {"lists": "list<item: int64>", "day": "dates", "at": "dates"}


@pytest.mark.parametrize(
    "values", [["1970-01-02", "1970-01-01T12:00", None], pd.to_datetime(["1970-01-02T00:00", "1970-01-01T12:00", None])]
)
def test_dates_that_features_name_are_seconds_since_1970(values):
    found = chosen(("day",), pd.DataFrame({"day": values})).values["day"]
    np.testing.assert_array_equal(found, [86400, 43200, np.nan])
