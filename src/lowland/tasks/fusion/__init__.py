"""The controller that reads a rotating plasma mode off camera frames."""

from lowland.tasks.fusion.task import Fusion, FusionOptions

__all__ = ["Fusion", "FusionOptions"]
