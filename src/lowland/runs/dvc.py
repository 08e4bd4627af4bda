"""A run that DVC started has the parameters that DVC records: those of ``params.yaml``."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lowland.errors import LowlandError
from lowland.runs.record import USUAL

FILE = "params.yaml"
FOR_DVC = ("env", "places", "sources", "own_code", "raw_tables")
"""What stands there beside globals and parameters, for ``dvc.yaml``."""


class Recorded(NamedTuple):
    """What ``params.yaml`` says.

    Attributes:
        environment: That it was written for.
        content: Globals and parameters, resolved.
    """

    environment: str
    content: dict[str, Any]

    def of(self, names: Collection[str]) -> dict[str, Any]:
        """Those of these names."""
        return {name: value for name, value in self.content.items() if name in names}

    def without(self, names: Collection[str]) -> dict[str, Any]:
        """Those of other names."""
        return {name: value for name, value in self.content.items() if name not in names}


def started_by_dvc() -> bool:
    """Whether this process runs a stage of ``dvc.yaml``."""
    return "DVC_STAGE" in os.environ


def recorded_parameters(root: Path, environment: str | None) -> Recorded | None:
    """What DVC records of a run; None without ``params.yaml``.

    Args:
        root: Of the project.
        environment: Kedro's.

    Raises:
        LowlandError: The file cannot be read or was written for another environment.
    """
    file, name = root / FILE, "base" if environment in USUAL else str(environment)
    if not file.is_file():
        return None
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise LowlandError(f"{FILE}: cannot be read ({reason}); write it anew: make params ENV={name}") from None
    if not isinstance(content, dict) or content.get("env") != name:
        written = content.get("env") if isinstance(content, dict) else None
        raise LowlandError(
            f"{FILE}: env is {written!r}, but DVC started a run of {name}; expected one environment in both: "
            f"make params ENV={name}, or `--env ${{env}}` in dvc.yaml"
        )
    return Recorded(name, {key: value for key, value in content.items() if key not in FOR_DVC})


def refuse_other_code(root: Path, now: Mapping[str, str]) -> None:
    """Refuses a run that DVC started because of a user's own code, of which it records another version.

    DVC takes that code for a parameter: as long as ``params.yaml`` has the digest of an older version, it would go on
    from results of that one in the stages that it finds unchanged.

    Args:
        root: Of the project.
        now: Digests by task, as ``Grid.own_code`` has them.

    Raises:
        LowlandError: With what to do.
    """
    file = root / FILE
    content = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
    recorded = content.get("own_code", {})
    for task, digest in now.items():
        if recorded.get(task, "") != digest:
            raise LowlandError(
                f"{FILE}: own_code.{task} is {recorded.get(task, '')!r}, but your code is now {digest!r}; write it "
                f"anew, then dvc repro: make params ENV={content.get('env')}"
            )
