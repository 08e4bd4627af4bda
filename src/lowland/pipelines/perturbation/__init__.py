"""The perturbation stage."""

from lowland.pipelines.perturbation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
