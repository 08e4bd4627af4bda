"""Writes params.yaml: the parameters of one environment, resolved, for DVC (which knows no environments)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml
from omegaconf import OmegaConf

from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError
from lowland.grid import Grid, grid_of
from lowland.placing import tasks_with
from lowland.stages import all_stages

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
    return StudyConfigLoader(ROOT / "conf", env, dict(runtime), base_env="base", default_run_env="base")  # type: ignore[arg-type]  # a dict


def places(study: Grid) -> dict[str, list[str]]:
    """The tasks in which each stage of ``dvc.yaml`` has anything to do: DVC cannot ask.

    Args:
        study: Gives axes and selections.
    """
    parts = [part for stage in all_stages() for part in stage.parts if part.axes]
    return {part.name: list(tasks_with(part, study)) for part in parts}


def text(env: str) -> str:
    """The file's content."""
    loader = _loader(env)
    study = grid_of(loader["parameters"], origins=loader.origins)
    content = resolved(env) | {"places": places(study)}
    return HEADER.format(env=env) + yaml.safe_dump(content, sort_keys=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="base")
    try:
        content = text(parser.parse_args().env)
    except LowlandError as error:
        print("\n".join(f"Error: {line}" for line in getattr(error, "lines", [str(error)])), file=sys.stderr)
        sys.exit(2)
    (ROOT / "params.yaml").write_text(content)
