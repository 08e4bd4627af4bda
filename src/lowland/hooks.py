"""What happens around a run: the grid is set, data are checked, and a resumed run is the run it resumes."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline

from lowland import grid, randomness, tasks
from lowland.config import PAIRS
from lowland.devices import resolve_device
from lowland.errors import LowlandError
from lowland.tasks import Task, TaskOptions, build_task

_log = logging.getLogger(__name__)
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
CELL_PICTURES = (
    "landscape_detail_rows",
    "spectral_density",
    "loss_surface",
    "flip_map_rows",
    "flip_map",
    "protection",
)
PAIR_PICTURES = ("landscape_detail_rows", "mode_connectivity")
USUAL = (None, "local", "base")


class GridHook:
    """Validates this run's parameters (``--env`` and ``--params`` included) and builds the grid from them."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Adds to the parameters which run and cell each node works on."""
        raw = dict(context.config_loader["parameters"])
        data = context.config_loader["globals"]["data"]
        command = "make run" if context.env in USUAL else f"kedro run --env {context.env}"
        commands = (command, f"# then open {data}/08_reporting/report.html in a browser")
        added = grid.set_parameters(raw).added_parameters(commands=commands, folder=str(data))
        context.config_loader["parameters"] = raw | added


class RunGuard:
    """Checks data and machine before anything runs, clears outputs of an earlier study and guards resumption.

    ``--only-missing-outputs`` looks at existence only. A file from other parameters, data or code would be taken for
    this run's, so a full run first clears what it will write, and resuming is refused after a change. What was
    decided before the run is done only once the runner has its workers: a run that is refused on the way there
    leaves everything as it was.
    """

    def __init__(self) -> None:
        self._doomed: list[Path] = []
        self._mark: tuple[Path, str | None] | None = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses bad data, a missing device, missing inputs and unsafe resumption."""
        self._doomed, self._mark = [], None
        data = check_raw_tables(pipeline, catalog)
        if "DaskRunner" not in str(run_params.get("runner", "")):  # there the workers' machines count, not this one
            resolve_device(grid.current().study.device)
        partial = any(run_params[key] for key in SELECTIONS)
        root = Path(run_params["project_path"])
        mark = root / "data" / f".run-{run_params['env'] or 'local'}"
        now, before = {"study": _digest(root), "data": data}, _read(mark)
        if run_params["only_missing_outputs"]:
            compared = ("study",) if partial else ("study", "data")
            if any(before.get(part) != now[part] for part in compared):
                raise LowlandError(
                    "--only-missing-outputs: parameters, data or code changed since the run to resume "
                    f"(or {mark.relative_to(root)} is missing); use a full `kedro run` or `dvc repro`"
                )
            for path in _gathered_too_early(pipeline, catalog):  # at once: the runner asks next what is missing
                path.unlink(missing_ok=True)
        elif partial:
            _refuse_missing_inputs(pipeline, catalog)
            if before and before.get("study") != now["study"]:
                self._mark = (mark, None)  # what is there now comes from two studies: nothing to resume
        else:
            self._doomed = [*_outputs(pipeline, catalog), *_pictures(catalog), *_files(catalog, ["timings"])]
            self._mark = (mark, json.dumps(now))

    @hook_impl
    def before_first_node(self) -> None:
        """Called by the project's runners when their workers stand ready."""
        for path in self._doomed:
            path.unlink(missing_ok=True)
        if self._mark is not None:
            mark, text = self._mark
            mark.unlink(missing_ok=True)
            if text is not None:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(text)


def check_raw_tables(pipeline: Pipeline, catalog: DataCatalog) -> str:
    """Reads and checks every raw table that the pipeline starts from; what the project does not ship is got first.

    Returns:
        A digest of their bytes.

    Raises:
        LowlandError: A file is missing, cannot be read or fetched, or does not hold what its task needs.
    """
    digest = hashlib.sha256()
    study = grid.current()
    for task, options in study.study.tasks.items():
        name = study.raw_table(task)
        if name not in pipeline.inputs():
            continue
        path, problem = _files(catalog, [name])[0], build_task(options)
        if task in study.absent:
            _log.warning("tasks.%s: %s is not there; its data are simulated", task, study.absent[task])
        if problem.provenance != "shipped":
            origin = _origin(task, options, problem)
            if not path.is_file() or (problem.provenance == "made" and _read(path.with_suffix(".json")) != origin):
                table = problem.fetch()
                problem.check(table, f"tasks.{task}")
                catalog.save(name, table)
                path.with_suffix(".json").write_text(json.dumps(origin, indent=1))
        if not path.is_file():
            raise LowlandError(f"{path}: the file is missing; `tasks.{task}` needs it (see docs/data)")
        try:
            raw = catalog.load(name)
        except DatasetError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise LowlandError(f"{path}: cannot be read ({reason}); expected a complete Parquet file") from None
        problem.check(raw, str(path))
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _origin(task: str, options: TaskOptions, problem: Task) -> dict[str, Any]:
    """All that decides a raw table: options, code and files."""
    files = {}
    for path in problem.sources:
        if not path.is_file():
            raise LowlandError(f"{path}: the file is missing; `tasks.{task}` reads it ({problem.whence})")
        files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    code = hashlib.sha256()
    for source in (*sorted(Path(tasks.__file__).parent.rglob("*.py")), Path(randomness.__file__)):
        code.update(source.read_bytes())
    return {"options": options.model_dump(mode="json"), "code": code.hexdigest(), "files": files}


def _refuse_missing_inputs(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """A part of the study needs what the stages before it wrote."""
    gathers = pipeline.only_nodes_with_tags("gather")  # they read what there is
    names = [name for name in pipeline.inputs() if not name.startswith("params:") and name not in gathers.inputs()]
    missing = [path for path in _files(catalog, sorted(names)) if not path.exists()]
    if missing:
        raise LowlandError(
            f"{missing[0]} does not exist ({len(missing)} of {len(names)} inputs of this part are missing); "
            "run the stages before it too (--tags preparation,training,...) or the whole study"
        )


def _digest(root: Path) -> str:
    """Of everything but the data that decides a result: validated parameters, code and templates."""
    digest = hashlib.sha256(grid.current().study.model_dump_json().encode())
    for source in sorted(path for path in (root / "src").rglob("*") if path.suffix in (".py", ".j2", ".css", ".js")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _read(mark: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(mark.read_text()))
    except (OSError, ValueError):
        return {}


def _outputs(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    return _files(catalog, sorted(pipeline.all_outputs()))


def _files(catalog: DataCatalog, names: list[str]) -> list[Path]:
    paths = (getattr(catalog.get(name), "_filepath", None) for name in names)
    return [Path(str(path)) for path in paths if path is not None]


def _pictures(catalog: DataCatalog) -> list[Path]:
    """Files of every cell's pictures: those of an earlier, wider selection are outputs of no node any more."""
    study = grid.current()
    pairs = [f"{task}.{recipe}.{PAIRS}.{precision}" for task, recipe, precision in study.groups]
    names = [f"{cell.id}.{name}" for cell in study.cells for name in CELL_PICTURES]
    return _files(catalog, names + [f"{pair}.{name}" for pair in pairs for name in PAIR_PICTURES])


def _gathered_too_early(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    """Tables and reports made while something was still missing: they would hide what is computed now."""
    gathered = _outputs(pipeline.only_nodes_with_tags("summary"), catalog)
    complete = all(path.exists() for path in set(_outputs(pipeline, catalog)) - set(gathered))
    return [] if complete else gathered
