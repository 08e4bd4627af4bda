"""The summary stage."""

from lowland.pipelines.summary.pipeline import create_pipeline

__all__ = ["create_pipeline"]
