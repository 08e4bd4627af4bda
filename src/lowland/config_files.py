"""The files of a configuration folder, checked before they are read: names, encoding, syntax, repeated keys."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from lowland.errors import LowlandError, MistakesError, nearest

SUFFIXES = (".yml", ".yaml", ".json")
EXPECTED = "parameters*.yml, globals.yml, catalog*.yml, credentials*.yml or logging.yml"
USUAL = ("parameters", "globals", "catalog", "credentials", "logging")
NOT_KEDROS = ("logging.yml",)  # read by Kedro from the folder above, and harmless here


def shown(path: Path) -> str:
    """A file as users know it: ``conf/<environment>/<file>``."""
    return "/".join(path.parts[-3:])


def check_names(folder: Path, read: Collection[Path]) -> None:
    """Refuses a folder with configuration that nobody would read.

    Args:
        folder: Of one environment.
        read: The files in it that are read.

    Raises:
        LowlandError: A line for every file with a name that no pattern matches, and what to call it.
    """
    lines = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in SUFFIXES or path in read or path.name in NOT_KEDROS:
            continue
        usual = nearest(path.stem.lower(), USUAL)
        better = f"{usual}.yml" if usual else f"parameters_{path.stem}.yml"
        lines.append(f"{shown(path)}: nobody reads a file of this name; expected {EXPECTED}: rename it to {better}")
    if lines:
        raise MistakesError(lines)


def check_file(path: Path) -> None:
    """Refuses a YAML or JSON file that cannot be read, or that says a thing twice.

    Raises:
        LowlandError: The file, the line and what is wrong there.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LowlandError(
            f"{shown(path)}, line {line}: byte 0x{content[error.start]:02x} is no UTF-8; save the file as UTF-8"
        ) from None
    try:
        root = _composed(text)
    except yaml.YAMLError as error:
        raise LowlandError(_told(path, error)) from None
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise LowlandError(f"{shown(path)}: holds no names with values; expected lines such as `seeds: {{s0: 0}}`")
    if lines := [f"{shown(path)}, line {line}: {what}" for line, what in _faults(root, set())]:
        raise MistakesError(lines)


def _composed(text: str) -> yaml.Node | None:
    """The tree of a document: by the C library where it is built in, ten times as fast, which says less of mistakes."""
    with contextlib.suppress(AttributeError, yaml.YAMLError):
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _told(path: Path, error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{shown(path)}{line}: is no valid YAML ({' '.join(problem.split())}); mend it there or just above"


def _faults(node: yaml.Node, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Keys that stand twice in one mapping or are no plain names, and tags, with their lines."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if node.tag.startswith("!"):
        yield node.start_mark.line + 1, f"{node.tag} is no plain value; expected text, a number, a list or a mapping"
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _faults(item, seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield line, "a name is a list or a mapping; expected plain text, or quotes around {{...}}"
                continue
            if key.value in lines:
                yield line, f"{key.value!r} was said already in line {lines[key.value]}; expected every name once"
            lines.setdefault(key.value, line)
            yield from _faults(value, seen)
