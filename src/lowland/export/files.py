"""Files and folders that are there whole or not at all, and never in the place of others."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lowland.errors import LowlandError


def check_absent(path: Path) -> None:
    """Refuse to write where something is.

    Raises:
        LowlandError: The path exists, or lies below something that is no folder.
    """
    if path.exists() or path.is_symlink():
        raise LowlandError(f"{path} exists; expected a new path: remove it or choose another")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise LowlandError(f"{path} lies below {above}, which is no folder; expected a path in a folder")


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A new folder beside a path, on the same disk, that is gone when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a new file, whole or not at all.

    Raises:
        LowlandError: The path exists.
    """
    check_absent(path)
    with beside(path) as folder:
        part = folder / path.name
        part.write_bytes(content)
        os.replace(part, path)


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Write a new folder of text files, whole or not at all.

    Args:
        path: The folder.
        texts: By name of the file.

    Raises:
        LowlandError: The path exists.
    """
    check_absent(path)
    with beside(path) as folder:
        part = folder / path.name
        part.mkdir()
        for name, text in texts.items():
            (part / name).write_text(text, encoding="utf-8")
        os.rename(part, path)
