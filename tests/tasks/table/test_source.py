import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lowland.errors import LowlandError
from lowland.tasks.table.csv_file import CsvFormat
from lowland.tasks.table.source import class_names, numbers_of, order_of, read_table, values_of

FRAME = pd.DataFrame({"id": [7, 8, 9], "a": [0.5, -99.0, 2.0], "b": [1, 0, 1], "text": ["x", "y", "z"]})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV"])
def test_every_type_of_file_gives_the_same_table(tmp_path, name):
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), FRAME, check_dtype=False)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("t.xlsx", b"a,b\n1,2\n", r"t\.xlsx: the file's type is not known; expected a name in \.csv"),
        ("t.csv", b"", r"t\.csv: cannot be read \(No columns"),
        ("t.csv", b"a,b\n", "the table has 0 rows and 2 columns"),
        ("t.csv", b"\xff\xfe\x00a\n", "cannot be read"),
        ("t.csv", b'a,b\n1,"2\n3,4\n', r"cannot be read \(line 3: .*expected a complete CSV"),
        ("t.csv", b"a,b, a\n1,2,3\n", "2 columns are called 'a'; rename all but one"),
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


def test_parquet_columns_of_one_name_are_refused(tmp_path):
    parquet.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(LowlandError, match="2 columns are called 'a'"):
        read_table(tmp_path / "t.parquet")


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path):
    for values in ([7, 8, 9], [3, 9, 4]):  # pandas stores a range and other numbers in different ways
        FRAME.assign(id=values).set_index("id").to_parquet(tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet")["id"].tolist() == values


@pytest.mark.parametrize(
    "values, codes, expected",
    [
        ([1, 2, -99], (-99,), [1, 2, np.nan]),
        ([1, 2, -99], ("-99",), [1, 2, np.nan]),
        ([1, 2, -99], ("?", -99.9), [1, 2, -99]),
        ([True, False, True], (), [1, 0, 1]),
        (["True", "false", None, "TRUE"], (), [1, 0, np.nan, 1]),
        (["1", "?", "2"], ("?",), [1, np.nan, 2]),
        (["1", "?", "-99"], ("?", -99), [1, np.nan, np.nan]),
        (["1", "x", "2"], ("?",), None),
        (["1", None, "2"], (), [1, np.nan, 2]),
        (["1_0", "2"], (), None),
        (["010", "1e1", "+.5", "-inf"], (), [10, 10, 0.5, -np.inf]),
        (pd.to_datetime(["2020-01-01"] * 3), (), None),
        (pd.Series([1, None, 3], dtype="Int64"), (3,), [1, np.nan, np.nan]),
        (pd.Series([True, None], dtype="boolean"), (), [1, np.nan]),
        (pd.Series(["1", "2", "1"], dtype="category"), (2,), [1, np.nan, 1]),
        (pd.Series([2**53 + 1, -99]), (-99,), [2.0**53, np.nan]),
        (pd.Series(["1.5", None], dtype="string[pyarrow]"), (), [1.5, np.nan]),
    ],
)
def test_numbers_are_read_however_they_are_written(values, codes, expected):
    found = numbers_of(pd.Series(values), codes)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found.to_numpy(), expected)


@pytest.mark.parametrize(
    "values, expected",
    [
        ([3, 1, 2], [3, 1, 2]),
        ([2**60 + 1, 2**60, 2**60 + 3], [1, 0, 3]),
        (["2020-01-01", "2020-01-01T00:00:01.5", "2019-12-31 23:59:59"], [1, 2.5, 0]),
        (["2020-01-01T00:00+02:00", "2019-12-31T22:00:01Z"], [0, 1]),
        (pd.to_datetime(["2020-01-01T00:00+02:00", "2019-12-31T22:00:01Z"], utc=True, format="ISO8601"), [0, 1]),
        (pd.to_datetime(["2020-01-01T00:00:00.000000002", "2020-01-01T00:00:00.000000001"]), [1e-9, 0]),
        (pd.to_timedelta([5, 3], unit="s"), [2, 0]),
        (["2020-01-01T00:00Z", "2020-01-01T00:00"], None),
        (["01/02/2020", "02/02/2020"], None),
        (["soon", "2020-01-01"], None),
    ],
)
def test_what_orders_the_rows_keeps_its_exact_order(values, expected):
    found = order_of(pd.Series(values))
    assert found is None if expected is None else found.tolist() == expected


@pytest.mark.parametrize("column", [[0, 1, 2, -1], [0.0, 1.0, 2.0, np.nan], ["0", "1", " 2", "stray"]])
def test_classes_are_told_from_numbers_floats_and_text_alike(column):
    names = class_names(pd.Series(column), {"sound": (0,), "worn": (1, 2)})
    assert names[:3].tolist() == ["sound", "worn", "worn"] and names.isna().tolist() == [False] * 3 + [True]


@pytest.mark.parametrize(
    "column, value, expected",
    [
        (["010", "10", "1_0", "1e1"], "10", [0, 1, 0, 0]),
        (["010", "10", "1_0", "1e1"], 10, [0, 1, 0, 0]),
        (["2", "2.0"], 2, [1, 0]),
        (["2", "2.0"], 2.0, [0, 1]),
        ([2**60, 2**60 + 1], 2**60, [1, 0]),
        ([2**60, 2**60 + 1], float(2**60), [1, 0]),
        (pd.Series([2**60 + 1, None], dtype="Int64"), 2**60 + 1, [1, 0]),
        ([2.0, 3.0], "2", [1, 0]),
        ([2.0, 3.0], "02", [0, 0]),
        ([2, 3], 2.5, [0, 0]),
        (np.array([0.1, 0.2], "float32"), 0.1, [1, 0]),
        ([-1e300, 1.0], 10**400, [0, 0]),
        (["yes", "no", "Yes", "true", "y"], True, [1, 0, 1, 1, 0]),
        ([True, False], False, [0, 1]),
        ([True, False], "true", [1, 0]),
        ([True, False], 1, [1, 0]),
        ([0, 1], False, [1, 0]),
        (["NULL", "a", None], None, [1, 0, 0]),
        (["NA", "None", "nan"], "NA", [1, 0, 0]),
        (["", "a"], "", [1, 0]),
        (pd.Series(["a", "b", "a"], dtype="category"), "a", [1, 0, 1]),
        (pd.to_datetime(["2020-01-01"]), "2020-01-01", [0]),
    ],
)
def test_a_class_is_compared_in_the_columns_own_type(column, value, expected):
    names = class_names(pd.Series(column), {"wanted": (value,), "other": ("zz",)})
    assert [name == "wanted" for name in names] == [bool(e) for e in expected]


def test_values_of_two_classes_that_a_column_of_numbers_cannot_tell_apart_are_refused():
    with pytest.raises(LowlandError, match=r"classes 'a' and 'b' both claim 10\.0"):
        class_names(pd.Series([10.0, 2.0]), {"a": ("10",), "b": ("1e1",)})


def test_the_values_of_a_column_are_told_with_their_rows():
    assert values_of(pd.Series(["no", "yes", "no", None])) == "'no' (2), 'yes' (1)"
    assert values_of(pd.Series(range(9))).endswith("and 3 others")


def test_a_decimal_mark_holds_for_every_column_of_a_file(tmp_path):
    (tmp_path / "t.csv").write_text("x;y;z\n1,5;NA;a,b\n2;2,5;c\n")
    frame = read_table(tmp_path / "t.csv", CsvFormat(decimal=","))
    assert frame["x"].tolist() == [1.5, 2.0] and frame["z"].tolist() == ["a,b", "c"]
    np.testing.assert_array_equal(numbers_of(frame["y"], (), decimal=","), [np.nan, 2.5])
