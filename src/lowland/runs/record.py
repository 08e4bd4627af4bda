"""What a study was made with: the command that makes it again, and ``study.yml`` beside the page."""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from lowland import __version__
from lowland.atomic_files import atomic_path

FILE = "study.yml"
USUAL = (None, "local", "base")
PACKAGES = ("torch", "brevitas", "kedro", "numpy")


def command_of(environment: str | None, runtime: Mapping[str, Any], *, config: str | None = None) -> str:
    """What to type to make the whole study again.

    Args:
        environment: Kedro's.
        runtime: What ``--params`` said, nested.
        config: The file of ``--config``, which may say what ``--params`` cannot.
    """
    words = ["kedro", "run"]
    if environment not in USUAL:
        words += ["--env", str(environment)]
    given = [f"{name}={_written(value)}" for name, value in _leaves(runtime)]
    if given and config and any("," in each for each in given):  # commas end a parameter of --params
        words += ["--config", config]
    elif given:
        words += ["--params", ",".join(given)]
    return shlex.join(words) if len(words) > 2 else "make run"


def _leaves(tree: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        inner = f"{name}.{key}" if name else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, inner)
        else:
            yield inner, value


def _written(value: Any) -> str:
    """As OmegaConf reads it."""
    return str(yaml.safe_dump(value, default_flow_style=True, width=10**6)).removesuffix("...\n").strip()


def save_record(folder: Path, *, root: Path, command: str, parameters: Mapping[str, Any]) -> None:
    """Writes ``study.yml``: commit, versions, command and validated parameters. No date: equal studies, equal files.

    Args:
        folder: Of the report.
        root: Of the project.
        command: What makes the study again.
        parameters: The validated ones.
    """
    commit, uncommitted = _commit(root)
    content = {
        "command": command,
        "commit": commit,
        "uncommitted_changes": uncommitted,
        "versions": {
            "lowland": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "platform": platform.platform(),
        "parameters": dict(parameters),
    }
    with atomic_path(folder / FILE) as part:
        text = "# What the page beside this file was made with.\n" + yaml.safe_dump(content, sort_keys=False)
        part.write_text(text, encoding="utf-8", newline="\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit(root: Path) -> tuple[str, bool | None]:
    """The commit of the project and whether its files differ from it; a folder inside a foreign repository has none."""
    if _git(root, "ls-files", "--error-unmatch", "pyproject.toml") is None:
        return "none: not a git repository", None
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    return commit or "none: nothing is committed", bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
