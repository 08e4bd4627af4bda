import pytest

from lowland.errors import LowlandError
from lowland.tasks.table.csv_file import CsvFormat, read_csv


def read(tmp_path, content, **how):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, CsvFormat(**how)).to_pydict()


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2,\n3,4,\n",
        "a,b\n1,2,\n3,4\n",
        "a;b\n1;2\n3;4\n",
        "a\tb\n1\t2\n3\t4",
        "a|b\r\n1|2\r\n\r\n3|4\r\n",
        '" a ", "b"\n 1 , "2"\n3,4\n',
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4\n".encode("utf-16"),
    ],
)
def test_a_table_is_the_same_however_it_is_separated_ended_and_encoded(tmp_path, content):
    assert read(tmp_path, content) == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("content", ["a,b,\n1,2,\n3,4,\n", "a,b,\n1,2\n3,4\n"])
def test_a_header_that_ends_in_a_separator_has_a_column_without_a_name(tmp_path, content):
    assert read(tmp_path, content) == {"a": [1, 3], "b": [2, 4], "Unnamed: 2": [None, None]}


@pytest.mark.parametrize(
    "content, message",
    [
        ("a,b\n1,2\n3,4,5\n", r"t\.csv: cannot be read: line 3 has 3 fields; expected 2, as in the header"),
        ('a,b\n"1\n",2\n\n3,4,5\n', "line 5 has 3 fields"),
        ("a,b,c\n1,2,3\n4,5\n", "line 3 has 2 fields; expected 3, as in the header: correct the line, or get"),
        ("a,b\nr1,1,2\nr2,3,4\n", "line 2 has 3 fields; .*give every column a name in the header"),
        (
            "a,b\n1,2\n3,caf\xe9\n".encode("latin-1"),
            "line 3 holds the byte 0xe9, which is not UTF-8; save .* or set encoding",
        ),
    ],
)
def test_what_does_not_fit_the_header_or_the_encoding_is_refused_by_line(tmp_path, content, message):
    with pytest.raises(LowlandError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_the_encoding_can_be_named(tmp_path):
    assert read(tmp_path, "a,b\n1,caf\xe9\n".encode("latin-1"), encoding="latin-1") == {"a": [1], "b": ["caf\xe9"]}


def test_the_separator_is_what_divides_all_lines_alike(tmp_path):
    assert read(tmp_path, "wind, m/s;power, kW;n\n1,5;2,5;3\n", decimal=",") == {
        "wind, m/s": [1.5],
        "power, kW": [2.5],
        "n": [3],
    }
    assert read(tmp_path, "a;b,c\n1;2,3\n", separator=";") == {"a": [1], "b,c": ["2,3"]}
    assert read(tmp_path, "one\n1\n2\n") == {"one": [1, 2]}


@pytest.mark.parametrize(
    "cells, expected",
    [
        (["1", "", "3"], [1, None, 3]),
        (["1", "2.5", "1e-05"], None),
        (["1.0", "2.5", "1e-05"], [1.0, 2.5, 1e-05]),
        (["True", "", "FALSE"], [True, None, False]),
        (["010", "10", "11"], None),
        (["10", "1e1", "3"], None),
        (["1_0", "10", "3"], None),
        (["NA", "1", "2"], None),
        (["1e400", "1.0", "2.0"], None),
        (["1e-400", "1.0", "2.0"], None),
        ([str(2**63), "1", str(2**60 + 1)], [2**63, 1, 2**60 + 1]),
        (["9" * 30, "1", "2"], None),
        (["", "", ""], [None] * 3),
    ],
)
def test_a_column_has_a_type_where_nothing_written_differently_becomes_the_same(tmp_path, cells, expected):
    found = read(tmp_path, "a,b\n" + "".join(f"0,{text}\n" for text in cells))["b"]
    assert found == (cells if expected is None else expected)
    assert [type(value) for value in found] == [type(value) for value in (cells if expected is None else expected)]
