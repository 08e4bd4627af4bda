"""A result on record is the bytes that its node left."""

import os

import pytest
from kedro.pipeline import Node

from lowland.runs.outputs import FILE, OutputRecords, standings


def use(*_):
    return None


@pytest.fixture
def left(tmp_path):
    """What a node left: a file, and none in place of another that may be absent."""
    file = tmp_path / "a.parquet"
    file.write_bytes(b"first")
    records = OutputRecords(tmp_path)
    records.add("a", [file, tmp_path / "absent"])
    return tmp_path, file


def hold(folder, name="a"):
    return OutputRecords(folder).hold(name, [folder / "a.parquet", folder / "absent"])


def test_a_record_comes_back_and_holds_for_the_same_bytes(left):
    folder, file = left
    assert hold(folder) and not hold(folder, "b")
    os.utime(file, ns=(1, 1))
    assert hold(folder), "another time, the same bytes"


def test_a_file_of_the_same_size_and_time_is_not_read(left):
    folder, file = left
    times = file.stat()
    file.write_bytes(b"other")
    assert not hold(folder)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert hold(folder)


def test_other_bytes_and_a_file_where_there_was_none_are_strangers(left):
    folder, file = left
    file.write_bytes(b"longer than before")
    assert not hold(folder)
    file.write_bytes(b"first")
    (folder / "absent").touch()
    assert not hold(folder)


def test_what_is_gone_is_no_stranger(left):
    folder, file = left
    file.unlink()
    assert hold(folder)


def test_the_last_line_counts_and_a_broken_one_does_not(left):
    folder, file = left
    file.write_bytes(b"second")
    OutputRecords(folder).add("a", [file, folder / "absent"])
    with (folder / FILE).open("a") as journal:
        journal.write('["a", [[5, 1')
    assert hold(folder)


def test_forgotten_records_are_gone_and_the_others_stay(left):
    folder, file = left
    records = OutputRecords(folder)
    records.add("b", [file])
    records.forget(["a", "never there"])
    found = OutputRecords(folder)
    assert "a" not in found and found.hold("b", [file])


def test_a_record_that_cannot_be_written_is_told_and_stops_nothing(tmp_path, caplog):
    OutputRecords(tmp_path / "not there").add("a", [tmp_path / "a"])
    assert "No such file" in caplog.text


def test_results_are_recorded_unfinished_or_unknown(left):
    folder, file = left
    nodes = [Node(use, "raw", name, name=name) for name in ("a", "begun", "brought", "missing")]
    (folder / "begun.parquet").touch()
    (folder / "brought.parquet").touch()

    def files(node):
        return [folder / f"{node.name}.parquet", *([folder / "absent"] if node.name == "a" else [])]

    records = OutputRecords(folder)
    found = standings(nodes, {"a", "begun", "missing"}, records, files)
    assert found == {"a": "recorded", "begun": "unfinished", "brought": "unknown"}
    file.write_bytes(b"brought")
    assert standings(nodes[:1], {"a"}, records, files) == {"a": "unknown"}
