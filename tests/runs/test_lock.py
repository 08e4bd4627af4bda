"""One run at a time in a data folder, and a crash leaves none behind."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from lowland.errors import LowlandError
from lowland.runs import lock
from lowland.runs.lock import FILE, FolderLock

HOLDER = """
import os, sys, time
from pathlib import Path
from lowland.runs.lock import FolderLock
held = FolderLock(Path(sys.argv[1]))
if os.fork() == 0:  # the worker says so: from here on it has let go of what it was born with
    print("held", flush=True)
time.sleep(60)
"""


def test_a_second_run_is_refused_and_told_who_holds_the_folder(tmp_path):
    first = FolderLock(tmp_path / "data")
    with pytest.raises(LowlandError, match=f"data: process {os.getpid()} is running a study there") as caught:
        FolderLock(tmp_path / "data")
    assert "\n" not in str(caught.value)
    FolderLock(tmp_path / "other").release()
    first.release()
    FolderLock(tmp_path / "data").release()


def test_a_killed_run_lets_go_though_its_worker_lives(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LowlandError, match=f"process {process.pid} is running"):
            FolderLock(tmp_path)
        process.kill()
        process.wait()
        FolderLock(tmp_path).release()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(LowlandError, match=r"data: File exists; expected a folder to write results to"):
        FolderLock(tmp_path / "data")
    with pytest.raises(LowlandError, match=r"Not a directory; expected a folder"):
        FolderLock(tmp_path / "data" / "mine")


def test_a_read_only_folder_is_one_line(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(lock.os, "open", refuse)
    with pytest.raises(LowlandError, match=rf"{FILE}: Read-only file system; expected a folder"):
        FolderLock(tmp_path)


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    FolderLock(tmp_path).release()
    assert "this file system has no locks" in caplog.text
