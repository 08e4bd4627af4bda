import numpy as np
import pandas as pd
import pytest

from lowland.errors import LowlandError
from lowland.tasks.table.source import class_names, comparable, feature_columns, numbers_of, read_table

FRAME = pd.DataFrame({"id": [1, 2, 3], "a": [0.5, -99.0, 2.0], "b": [1, 0, 1], "text": ["x", "y", "z"]})


def chosen(features="all", frame=FRAME, **wanted):
    options = {"drop": (), "reserved": ("id",), "codes": ()} | wanted
    return feature_columns(frame, features, path="t.csv", **options)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV"])
def test_every_type_of_file_gives_the_same_table(tmp_path, name):
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), FRAME)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("t.xlsx", b"a,b\n1,2\n", r"t\.xlsx: the file's type is not known; expected a name in \.csv"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", r"t\.csv: cannot be read \(.*Expected 2 fields"),
        ("t.csv", b"", r"t\.csv: cannot be read \(No columns"),
        ("t.csv", b"a,b\n", "the table has 0 rows and 2 columns"),
        ("t.csv", b"\xff\xfe\x00a", "cannot be read"),
        ("t.csv.gz", b"a,b\n1,2\n", "cannot be read"),
        ("t.parquet", b"PAR1 but not really", "cannot be read .*expected a complete Parquet file"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LowlandError, match=message) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_all_takes_numbers_that_have_no_other_part_and_names_the_texts_it_left_out():
    features, texts = chosen(codes=(-99,))
    assert list(features) == ["a", "b"] and texts == ["text"]
    assert features["a"].isna().tolist() == [False, True, False] and (features.dtypes == "float64").all()
    assert list(chosen(drop=("a*",))[0]) == ["b"]
    assert list(chosen(("b", "a"))[0]) == ["b", "a"]


@pytest.mark.parametrize(
    "wanted, message",
    [
        (
            {"features": ("a", "c")},
            r"t\.csv: column 'c', which features names, is missing; the file has id, a, b, text",
        ),
        ({"features": ("text",)}, "column 'text' holds 'x'; expected numbers"),
        ({"drop": ("label_*",)}, r"drop names 'label_\*', which matches no column"),
        ({"drop": ("a", "b")}, "features: all leaves no numeric column"),
    ],
)
def test_columns_that_are_not_there_are_one_line(wanted, message):
    with pytest.raises(LowlandError, match=message):
        chosen(**wanted)


@pytest.mark.parametrize(
    "values, codes, expected",
    [
        ([1, 2, -99], (-99,), [1, 2, np.nan]),
        ([True, False, True], (), [1, 0, 1]),
        (["1", "?", "2"], ("?",), [1, np.nan, 2]),
        (["1", "?", "-99"], ("?", -99), [1, np.nan, np.nan]),
        (["1", "x", "2"], ("?",), None),
        (["1", None, "2"], (), [1, np.nan, 2]),
        (pd.to_datetime(["2020-01-01"] * 3), (), None),
    ],
)
def test_numbers_are_read_however_they_are_written(values, codes, expected):
    found = numbers_of(pd.Series(values), codes)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found.to_numpy(), expected)


@pytest.mark.parametrize("column", [[0, 1, 2, -1], [0.0, 1.0, 2.0, np.nan], ["0", "1", " 2", "stray"]])
def test_classes_are_told_from_numbers_floats_and_text_alike(column):
    names = class_names(pd.Series(column), {"sound": (0,), "worn": (1, 2)})
    assert names[:3].tolist() == ["sound", "worn", "worn"] and names.isna().tolist() == [False] * 3 + [True]


def test_values_that_look_alike_are_the_same_class():
    assert comparable(2) == comparable("2.0") == 2.0 and comparable(" yes") == "yes" and comparable("nan") == "nan"
