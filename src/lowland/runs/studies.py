"""Finished studies are kept: ``data/studies.parquet``, whatever folder a study has its own data in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lowland.analysis.known_studies import COLUMNS, standing, study_summary, with_study
from lowland.analysis.splits import on_split
from lowland.atomic_files import atomic_path
from lowland.errors import LowlandError

FILE = Path("data") / "studies.parquet"


def keep_study(
    root: Path, folder: Path, measurements: pd.DataFrame, recommendation: Mapping[str, Any]
) -> Iterator[str]:
    """Keeps what a finished study reached beside all others, and says where it stands.

    Args:
        root: Of the project.
        folder: Of the study's data.
        measurements: Its long table.
        recommendation: From ``recommend``.

    Yields:
        A line a task that other studies have, too.

    Raises:
        LowlandError: A file that is no table of studies; it is left as it is.
    """
    path, name = root / FILE, folder.as_posix()
    if folder.is_absolute() and folder.is_relative_to(root):
        name = folder.relative_to(root).as_posix()
    known = with_study(known_studies(path), study_summary(name, on_split(measurements, "test"), recommendation))
    with atomic_path(path) as part:
        known.to_parquet(part, index=False)
    for task in recommendation["tasks"]:
        found = standing(known, name, task)
        if found is not None:
            beside = f", {found.smaller} of the better no larger" if found.rank > 1 else ""
            yield f"Beside: {task}: score {found.rank} of {found.studies} studies{beside} ({FILE})"


def known_studies(path: Path) -> pd.DataFrame | None:
    """The studies that were kept; None where none was.

    Args:
        path: Of the table.

    Raises:
        LowlandError: A file that cannot be read, or has other columns.
    """
    if not path.is_file():
        return None
    try:
        known = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise LowlandError(f"{path} cannot be read ({error}); expected a table of studies: move it away") from None
    if lacking := [name for name in COLUMNS if name not in known]:
        raise LowlandError(f"{path} has no column {lacking[0]}, it is of another version of lowland: move it away")
    return known
