"""HDF5 files, which an optional package reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lowland.errors import LowlandError


@contextmanager
def opened(path: Path, *, expected: str) -> Iterator[Any]:
    """An HDF5 file, open for reading.

    Args:
        path: The file.
        expected: What it should be, for the message.

    Raises:
        LowlandError: One line: the package or the file is missing, or the file cannot be read (also in the statement).
    """
    try:
        import h5py
    except ImportError:
        raise LowlandError(
            f"{path}: reading HDF5 needs the package h5py, which is not installed; pip install -e '.[hdf5]'"
        ) from None
    if not path.is_file():
        raise LowlandError(f"{path}: the file is missing; expected {expected}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise LowlandError(f"{path}: cannot be read ({str(error).splitlines()[0]}); expected an HDF5 file") from None
