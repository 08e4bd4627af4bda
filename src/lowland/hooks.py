"""What happens around a run: the grid is set, data are checked, and a resumed run is the run it resumes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline

from lowland import grid
from lowland.errors import LowlandError
from lowland.tasks import build_task

SELECTIONS = (
    "tags",
    "namespaces",
    "node_names",
    "from_nodes",
    "to_nodes",
    "from_inputs",
    "to_outputs",
    "pipeline_names",
)


class GridHook:
    """Validates this run's parameters (``--env`` and ``--params`` included) and builds the grid from them."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Adds to the parameters which run and cell each node works on."""
        raw = dict(context.config_loader["parameters"])
        context.config_loader["parameters"] = raw | grid.set_parameters(raw).added_parameters()


class RunGuard:
    """Checks the data before anything runs, clears outputs of an earlier study and guards resumption.

    ``--only-missing-outputs`` looks at existence only. A file from other parameters, data or code would be taken for
    this run's, so a full run first clears what it will write, and resuming is refused after a change.
    """

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses bad data and unsafe resumption; deletes only after everything was checked."""
        data = check_raw_tables(pipeline, catalog)
        partial = any(run_params[key] for key in SELECTIONS)
        root = Path(run_params["project_path"])
        mark = root / "data" / f".run-{run_params['env'] or 'local'}"
        if run_params["only_missing_outputs"]:
            if not partial and (not mark.is_file() or mark.read_text() != _digest(root, data)):
                raise LowlandError(
                    "--only-missing-outputs: parameters, data or code changed since the run to resume "
                    f"(or {mark.relative_to(root)} is missing); use a full `kedro run` or `dvc repro`"
                )
            _clear_gathered(pipeline, catalog)
        elif not partial:
            for path in [*_outputs(pipeline, catalog), *_files(catalog, ["timings"])]:
                path.unlink(missing_ok=True)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(_digest(root, data))


def check_raw_tables(pipeline: Pipeline, catalog: DataCatalog) -> bytes:
    """Reads and checks every raw table that the pipeline starts from.

    Returns:
        A digest of their bytes.

    Raises:
        LowlandError: A file is missing, cannot be read, or does not hold what its task needs.
    """
    digest = hashlib.sha256()
    for task, options in grid.current().study.tasks.items():
        name = f"{task}.raw"
        if name not in pipeline.inputs():
            continue
        path = Path(str(getattr(catalog.get(name), "_filepath", name)))
        if not path.is_file():
            raise LowlandError(f"{path}: the file is missing; `tasks.{task}` needs it (see docs/data)")
        try:
            raw = catalog.load(name)
        except DatasetError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise LowlandError(f"{path}: cannot be read ({reason}); expected a complete Parquet file") from None
        build_task(options).check(raw, str(path))
        digest.update(path.read_bytes())
    return digest.digest()


def _digest(root: Path, data: bytes) -> str:
    digest = hashlib.sha256(data)
    digest.update(grid.current().study.model_dump_json().encode())
    for source in sorted((root / "src").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _outputs(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    return _files(catalog, sorted(pipeline.all_outputs()))


def _files(catalog: DataCatalog, names: list[str]) -> list[Path]:
    paths = (getattr(catalog.get(name), "_filepath", None) for name in names)
    return [Path(str(path)) for path in paths if path is not None]


def _clear_gathered(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Tables and reports made while something was still missing would hide what is computed now."""
    summary = pipeline.only_nodes_with_tags("summary")
    measured = set(_outputs(pipeline, catalog)) - set(_outputs(summary, catalog))
    if any(not path.exists() for path in measured):
        for path in _outputs(summary, catalog):
            path.unlink(missing_ok=True)
