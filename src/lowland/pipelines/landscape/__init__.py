"""The landscape stage."""

from lowland.pipelines.landscape.pipeline import create_pipeline

__all__ = ["create_pipeline"]
