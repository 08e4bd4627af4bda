"""Writes params.yaml: the parameters of one environment, resolved, for DVC (which knows no environments)."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

import yaml
from omegaconf import OmegaConf

from lowland import tasks
from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError
from lowland.grid import Grid, grid_of
from lowland.own_code import folder_of
from lowland.pipelines.ingestion.stage import IMPORTED
from lowland.pipelines.preparation.stage import RAW
from lowland.placing import tasks_with
from lowland.stages import all_stages
from lowland.tasks import Task, build_task

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Written by `make params ENV={env}`; edit conf/, not this file.\n"


def resolved(env: str, *, changed: str = "") -> dict[str, object]:
    """Parameters and data folder of an environment, with its name.

    Args:
        env: Folder of ``conf``.
        changed: Parameters that a run was given with ``--params``, such as ``training.epochs=100,seeds.s0=1``.
    """
    loader = _loader(env, changed)
    return {"env": env, **dict(loader["globals"]), **dict(loader["parameters"])}


def _loader(env: str, changed: str = "") -> StudyConfigLoader:
    runtime = OmegaConf.to_container(OmegaConf.from_dotlist(changed.split(",") if changed else []))
    return StudyConfigLoader(ROOT / "conf", env, dict(runtime), base_env="base", default_run_env="base")  # type: ignore[arg-type]  # of text keys


def places(study: Grid) -> dict[str, list[str]]:
    """The tasks in which each stage of ``dvc.yaml`` has anything to do: DVC cannot ask.

    Args:
        study: Gives axes and selections.
    """
    parts = [part for stage in all_stages() for part in stage.parts if part.axes]
    return {part.name: list(tasks_with(part, study)) for part in parts}


def sources(study: Grid) -> dict[str, dict[str, str]]:
    """What the raw tables are made from that the project does not ship: exactly one path a task, which DVC can watch.

    It is the file that a task reads, the folder of several, or the task's code where there are no files.

    Args:
        study: Gives the tasks.

    Returns:
        Task to ``task``, ``path`` and ``elsewhere``, a digest of the files that do not lie there.
    """
    found = {}
    for name, options in study.study.tasks.items():
        problem = build_task(options)
        if problem.provenance == "shipped":
            continue
        files = problem.sources
        path = files[0] if len(files) == 1 else files[0].parent if files else _code(problem)
        others = [file for file in files if file.is_file() and path not in (file, *file.parents)]
        digests = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in others)
        elsewhere = hashlib.sha256(digests.encode()).hexdigest() if others else ""
        found[name] = {"task": name, "path": _shown(path), "elsewhere": elsewhere}
    return found


def own_code(study: Grid) -> dict[str, str]:
    """A digest of the user's package that each task or its network lies in; empty where all code is the project's.

    Args:
        study: Gives the tasks.
    """
    return dict(study.own_code)


def raw_tables(study: Grid, data: str) -> dict[str, dict[str, str]]:
    """Where the raw tables lie.

    Args:
        study: Gives the tasks.
        data: The data folder.

    Returns:
        Task to ``task`` and ``path``.
    """
    kinds = {name: study.raw_table(name).rpartition(".")[2] for name in study.tasks}
    paths = {"raw": f"data/{RAW.path}", "imported": f"{data}/{IMPORTED.path}"}
    return {name: {"task": name, "path": paths[kind].format(task=name)} for name, kind in kinds.items()}


def _code(problem: Task) -> Path:
    """The file of a task's class, or the folder that it shares with other files of the task: a user's package."""
    module = type(problem).__module__
    if module.partition(".")[0] != "lowland":
        return folder_of(module)
    file = Path(sys.modules[module].__file__ or "")
    return file if file.parent == Path(tasks.__file__).parent else file.parent


def _shown(path: Path) -> str:
    """Relative to the project, if it lies there."""
    whole = Path(os.path.abspath(ROOT / path))
    return whole.relative_to(ROOT).as_posix() if whole.is_relative_to(ROOT) else whole.as_posix()


def text(env: str) -> str:
    """The file's content."""
    loader = _loader(env)
    study = grid_of(loader["parameters"], origins=loader.origins)
    told = {
        "places": places(study),
        "sources": sources(study),
        "own_code": own_code(study),
        "raw_tables": raw_tables(study, loader["globals"]["data"]),
    }
    return HEADER.format(env=env) + yaml.safe_dump(resolved(env) | told, sort_keys=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="base")
    try:
        content = text(parser.parse_args().env)
    except LowlandError as error:
        print("\n".join(f"Error: {line}" for line in getattr(error, "lines", [str(error)])), file=sys.stderr)
        sys.exit(2)
    (ROOT / "params.yaml").write_text(content)
