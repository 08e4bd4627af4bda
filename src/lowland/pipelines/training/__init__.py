"""The training stage."""

from lowland.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
