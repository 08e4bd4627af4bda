"""Of which bytes the results on record are: a file that something else brought has no record."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from kedro.pipeline.node import Node

_log = logging.getLogger(__name__)
FILE = ".run-outputs"
Standing = Literal["recorded", "unfinished", "unknown"]


class FileRecord(NamedTuple):
    """A file as its node left it.

    Attributes:
        size: In bytes.
        changed: When it was written, in nanoseconds: a file with the same size and time is not read again.
        digest: Of its bytes.
    """

    size: int
    changed: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> FileRecord | None:
        """Of a file as it is; None where there is none."""
        try:
            stat = path.stat()
            return cls(stat.st_size, stat.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            return None

    def is_of(self, path: Path) -> bool:
        """Whether a file has these bytes still."""
        try:
            stat = path.stat()
            if stat.st_size != self.size:
                return False
            return stat.st_mtime_ns == self.changed or hashlib.sha256(path.read_bytes()).hexdigest() == self.digest
        except OSError:
            return False


class OutputRecords:
    """What the nodes of a data folder left in their files; kept beside its ``StudyMark``, a line for each node.

    A line is written as soon as its node is done, so that a run that is killed loses no record but that of the nodes it
    was at.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._records: dict[str, list[FileRecord | None]] = {}
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            try:
                name, files = json.loads(line)
                self._records[name] = [None if file is None else FileRecord(*file) for file in files]
            except (ValueError, TypeError):  # cut off in the middle
                continue

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def hold(self, name: str, files: Sequence[Path]) -> bool:
        """Whether a node's files have the bytes on record, all that are there.

        Args:
            name: Of the node.
            files: Of its outputs, in their order.
        """
        known = self._records.get(name, [])
        return len(known) == len(files) and all(
            not file.exists() or (record is not None and record.is_of(file))
            for record, file in zip(known, files, strict=True)
        )

    def add(self, name: str, files: Sequence[Path]) -> None:
        """Takes down what a node has just left.

        Args:
            name: Of the node.
            files: Of its outputs, in their order.
        """
        self._records[name] = [FileRecord.of(file) for file in files]
        try:
            with self._path.open("a", encoding="utf-8") as journal:
                journal.write(self._line(name))
        except OSError as error:  # without a record it is made again, that is all
            _log.warning("%s: %s", self._path, error.strerror)

    def forget(self, names: Iterable[str]) -> None:
        """Drops the records of nodes that are about to run.

        Args:
            names: Of the nodes.
        """
        for name in names:
            self._records.pop(name, None)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text("".join(map(self._line, self._records)), "utf-8")
        part.replace(self._path)

    def _line(self, name: str) -> str:
        return json.dumps([name, self._records[name]]) + "\n"


def standings(
    nodes: Iterable[Node],
    on_record: Collection[str],
    records: OutputRecords,
    files: Callable[[Node], Sequence[Path]],
) -> Mapping[str, Standing]:
    """What is known of the results that are there, by node.

    ``recorded`` are those whose files have the bytes on record, ``unfinished`` those that a run was at when it was
    killed, ``unknown`` all others: brought by DVC, changed by hand or made by an earlier version.

    Args:
        nodes: Which; those without any file are left out.
        on_record: Names of the nodes that have a fingerprint.
        records: Of their files.
        files: Those of a node, in the order of its outputs.
    """
    found: dict[str, Standing] = {}
    for node in nodes:
        paths = files(node)
        if not any(path.exists() for path in paths):
            continue
        if node.name not in on_record:
            found[node.name] = "unknown"
        elif records.hold(node.name, paths):
            found[node.name] = "recorded"
        else:
            found[node.name] = "unknown" if node.name in records else "unfinished"
    return found
