"""The preparation stage."""

from lowland.pipelines.preparation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
