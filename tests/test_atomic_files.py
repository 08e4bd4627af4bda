"""A file is there whole or not at all."""

import os

import pytest

from lowland.atomic_files import atomic_path


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_readers_never_see_a_half_written_file(tmp_path):
    path = tmp_path / "a"
    with atomic_path(path) as part:
        part.write_text("half")
        assert not path.exists()
        assert part.parent == path.parent  # a rename across file systems is a copy
        assert part.name.startswith(".")
    assert path.read_text() == "half"
    assert path.stat().st_mode & 0o777 == 0o644
