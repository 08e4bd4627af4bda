"""The raw tables that a run starts from: got, read and checked before anything is deleted."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline

from lowland import grid
from lowland.errors import LowlandError
from lowland.own_code import in_own_code
from lowland.tasks import Task, build_task
from lowland.tasks.obtaining import obtained, origin_of

_log = logging.getLogger(__name__)


def check_raw_tables(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    """Reads and checks every raw table that the pipeline starts from; what the project does not ship is got first.

    So a table that its node would make is there before any node runs, and wrong data end the run while the results of
    an earlier one still stand.

    Returns:
        A digest of the bytes of each, by the name of its dataset.

    Raises:
        LowlandError: A file is missing, cannot be read or fetched, or does not hold what its task needs; or a user's
            own task or network is wrong, a line for each mistake.
    """
    digests = {}
    study = grid.current()
    for task, options in study.study.tasks.items():
        name = study.raw_table(task)
        if name not in pipeline.datasets():
            continue
        path, problem = Path(str(getattr(catalog.get(name), "_filepath", name))), build_task(options)
        own = bool(options.own_code)
        if task in study.absent:
            _log.warning("tasks.%s: %s is not there; its data are simulated", task, study.absent[task])
        if problem.provenance != "shipped":
            origin, record = origin_of(problem, options, task), path.with_suffix(".json")
            if not path.is_file() or (problem.provenance == "made" and _read(record) != origin):
                with in_own_code(f"tasks.{task}") if own else nullcontext():
                    catalog.save(name, obtained(problem, task))
                record.write_text(json.dumps(origin, indent=1))
        if not path.is_file():
            raise LowlandError(f"{path}: the file is missing; `tasks.{task}` needs it (see docs/data)")
        try:
            raw = catalog.load(name)
        except DatasetError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise LowlandError(f"{path}: cannot be read ({reason}); expected a complete Parquet file") from None
        if own:
            _try_own(task, problem, raw, origin=str(path))
        else:
            problem.check(raw, str(path))
        digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def _try_own(name: str, problem: Task, raw: pd.DataFrame, *, origin: str) -> None:
    """What a user's own code would spoil hours later ends the run now, a line for each mistake."""
    from lowland.trial import AsDeployed, try_task  # imports what quantizes: only where there is code of a user's

    study = grid.current().study
    precisions = [each for each in study.precisions.values() if each.method in ("qat", "ptq")]
    deployed = AsDeployed(precisions[0], study.quantization.input_bits) if precisions else None
    try_task(problem, name=f"tasks.{name}", raw=raw, origin=origin, deployed=deployed).raise_mistakes()


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text()))
    except (OSError, ValueError):
        return {}
