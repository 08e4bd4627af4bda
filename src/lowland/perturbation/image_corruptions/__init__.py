"""Bad weather, bad focus, bad light and scribbles: corruptions of images in five severities."""

from lowland.perturbation.image_corruptions.corruption import SEVERITIES, corrupt
from lowland.perturbation.image_corruptions.options import CorruptionKind, ImageCorruptionOptions
from lowland.perturbation.image_corruptions.registry import IMAGE_CORRUPTIONS

__all__ = ["IMAGE_CORRUPTIONS", "SEVERITIES", "CorruptionKind", "ImageCorruptionOptions", "corrupt"]
