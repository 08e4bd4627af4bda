"""The rated texts out of their archive, and archives that are others."""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from dataclasses import replace

import pytest

from lowland.errors import LowlandError
from lowland.tasks.text.worlds import WORLDS
from scripts import fetch_sentiment
from scripts.fetch_sentiment import INNER, LICENCE, contents, downloaded, write


def texts():
    return {world.file: f"1\t1\t{name}\n".encode() for name, world in WORLDS.items()}


def archive(path, files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as inner:
        for name, content in files.items():
            member = tarfile.TarInfo(f"hutto/{name}")
            member.size = len(content)
            inner.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr(f"v-0.5/{LICENCE}", "The MIT License")
        outer.writestr(f"v-0.5/resources/{INNER}", packed.getvalue())
    return path


@pytest.fixture
def known(monkeypatch):
    """The made texts take the place of the real ones."""
    files = texts()
    made = {
        name: replace(world, sha256=hashlib.sha256(files[world.file]).hexdigest()) for name, world in WORLDS.items()
    }
    monkeypatch.setattr(fetch_sentiment, "WORLDS", made)
    return files


def test_the_four_files_and_the_licence_are_written(tmp_path, known):
    write(archive(tmp_path / "v.zip", known | {"../evil.txt": b"no"}), tmp_path / "new" / "sentiment")
    found = {path.name: path.read_bytes() for path in (tmp_path / "new" / "sentiment").iterdir()}
    assert found == known | {LICENCE: b"The MIT License"} and not (tmp_path / "new" / "evil.txt").exists()


def test_other_content_is_refused_before_anything_is_written(tmp_path, known):
    file = WORLDS["tweets"].file
    with pytest.raises(
        LowlandError, match=rf"{file} has the sha256 [0-9a-f]+; expected {fetch_sentiment.WORLDS['tweets'].sha256}"
    ):
        write(archive(tmp_path / "v.zip", known | {file: b"1\t1\tchanged"}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_missing_is_named(tmp_path, known):
    file = WORLDS["movie"].file
    with pytest.raises(LowlandError, match=f"{file} is missing; expected the source archive of vaderSentiment==0.5"):
        contents(archive(tmp_path / "v.zip", {name: content for name, content in known.items() if name != file}))


def test_what_is_no_archive_is_one_line(tmp_path):
    path = tmp_path / "v.zip"
    for content in (None, b"no zip"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(LowlandError, match=r"cannot be read .*; expected the source archive of vaderSentiment"):
            contents(path)


def test_pip_gets_the_source_archive_and_its_failure_is_one_line(tmp_path, monkeypatch):
    asked = []

    def run(command, **settings):
        asked.append(command)
        if len(asked) > 1:
            return subprocess.CompletedProcess(command, 1, "", "a\nERROR: No matching distribution\n")
        (tmp_path / "vaderSentiment-0.5.zip").write_bytes(b"")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert downloaded(tmp_path).name == "vaderSentiment-0.5.zip"
    assert {"download", "vaderSentiment==0.5", "--no-binary", ":all:", "--no-deps"} <= set(asked[0])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(LowlandError, match=r"failed .ERROR: No matching distribution.; check the package index"):
        downloaded(empty)
