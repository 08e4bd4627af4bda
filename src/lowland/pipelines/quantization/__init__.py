"""The quantization stage."""

from lowland.pipelines.quantization.pipeline import create_pipeline

__all__ = ["create_pipeline"]
