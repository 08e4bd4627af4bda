"""Registers the study's pipelines, one a stage, and their sum as the default."""

from __future__ import annotations

import pkgutil

from kedro.pipeline import Pipeline

from lowland import grid
from lowland import pipelines as packages
from lowland.placing import build
from lowland.stages import all_stages


def stage_names() -> list[str]:
    """The pipelines of the study: packages, not what they share."""
    return [module.name for module in pkgutil.iter_modules(packages.__path__) if module.ispkg]


def register_pipelines() -> dict[str, Pipeline]:
    """All stages by name; ``__default__`` is the whole study."""
    pipelines = build(all_stages(), grid.current())
    return {**pipelines, "__default__": Pipeline(list(pipelines.values()))}
