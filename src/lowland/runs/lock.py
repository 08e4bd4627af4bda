"""One run at a time in a data folder."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from lowland.errors import LowlandError

_log = logging.getLogger(__name__)
FILE = ".run-lock"


class FolderLock:
    """A folder that belongs to this process until it lets go or ends, however it ends.

    The kernel drops the lock with the process, after ``kill -9`` too; what stays is a file that says nothing. On NFS
    the lock holds between machines where the server supports it; some cluster file systems have none, and then
    a warning is all there is.

    Args:
        folder: Made if it is not there.

    Raises:
        LowlandError: Another run holds it, or it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o644)  # not inherited by programs
        except OSError as error:
            raise LowlandError(
                f"{error.filename or folder}: {error.strerror}; expected a folder to write results to "
                "(`data` in the environment's globals.yml)"
            ) from error
        os.register_at_fork(after_in_child=self._forget)  # workers may outlive a killed run
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            self._forget()
            raise LowlandError(
                f"{folder}: process {holder or '(unknown)'} is running a study there; wait for its end, stop it, or "
                "use an environment that writes elsewhere"
            ) from None
        except OSError as error:
            _log.warning("%s: this file system has no locks (%s); do not start two runs there", folder, error.strerror)
            return
        with suppress(OSError):  # a full disk: the lock holds, without a name
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Lets another run begin; harmless when called again."""
        self._forget()

    def _forget(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
