"""Files and folders are there whole or not at all."""

import pytest

from lowland.errors import LowlandError
from lowland.export import files


def test_a_file_and_a_folder_are_written_with_the_folders_above(tmp_path):
    files.write_file(tmp_path / "a" / "b", b"one")
    files.write_folder(tmp_path / "c" / "d", {"e": "two", "f": "three"})
    assert (tmp_path / "a" / "b").read_bytes() == b"one"
    assert {path.name: path.read_text() for path in (tmp_path / "c" / "d").iterdir()} == {"e": "two", "f": "three"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "d", "e", "f"]


def test_what_is_there_stays(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "empty", "link"):
        with pytest.raises(LowlandError, match="exists; expected a new path"):
            files.write_file(tmp_path / name, b"")
        with pytest.raises(LowlandError, match="exists; expected a new path"):
            files.write_folder(tmp_path / name, {})
    with pytest.raises(LowlandError, match="which is no folder"):
        files.write_file(tmp_path / "file" / "below", b"")
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_is_left_of_what_broke(tmp_path, monkeypatch):
    def broken(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "rename", broken)
    monkeypatch.setattr(files.os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        files.write_folder(tmp_path / "folder", {"a": "b"})
    with pytest.raises(OSError, match="disk full"):
        files.write_file(tmp_path / "file", b"a")
    assert not list(tmp_path.iterdir())
