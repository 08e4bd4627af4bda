"""Registers the study's pipelines, one a stage, and their sum as the default."""

from __future__ import annotations

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """All stages by name; ``__default__`` is the whole study."""
    pipelines = find_pipelines(raise_errors=True)
    return {**pipelines, "__default__": Pipeline(list(pipelines.values()))}
