"""A run that DVC started must be the one that DVC records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lowland.errors import LowlandError
from lowland.runs.differences import differences, told
from lowland.runs.record import USUAL

FILE = "params.yaml"


def started_by_dvc() -> bool:
    """Whether this process runs a stage of ``dvc.yaml``."""
    return "DVC_STAGE" in os.environ


def refuse_other_parameters(
    root: Path, *, environment: str | None, shared: Mapping[str, Any], parameters: Mapping[str, Any]
) -> None:
    """Refuses a run whose parameters are not those in ``params.yaml``, which DVC is going to record.

    Args:
        root: Of the project.
        environment: Kedro's.
        shared: What ``globals.yml`` says.
        parameters: As they were read from ``conf``.

    Raises:
        LowlandError: One line with what differs and what to do.
    """
    file, name = root / FILE, "base" if environment in USUAL else str(environment)
    if not file.is_file():
        return
    recorded = yaml.safe_load(file.read_text("utf-8")) or {}
    if found := differences(recorded, {"env": name, **shared, **parameters}):
        raise LowlandError(
            f"{FILE}: {told(found, '{name} is {before} there and {now} in conf')}. The run reads conf/{name} and DVC "
            f"would record it under {FILE}: put the values into conf and write {FILE} anew (make params ENV={name})"
        )
