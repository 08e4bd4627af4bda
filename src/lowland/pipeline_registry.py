"""Registers the study's pipelines, one a stage, and their sum as the default."""

from __future__ import annotations

import importlib
import pkgutil

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from lowland import pipelines as stages


def stage_names() -> list[str]:
    """The pipelines of the study: packages, not what they share."""
    return [module.name for module in pkgutil.iter_modules(stages.__path__) if module.ispkg]


def register_pipelines() -> dict[str, Pipeline]:
    """All stages by name; ``__default__`` is the whole study."""
    pipelines = find_pipelines(raise_errors=True)
    return {**pipelines, "__default__": Pipeline(list(pipelines.values()))}


def whole_study() -> Pipeline:
    """All stages, also where the command line named some of them."""
    modules = (importlib.import_module(f"{stages.__name__}.{name}") for name in stage_names())
    return Pipeline([module.create_pipeline() for module in modules])
