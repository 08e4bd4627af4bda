"""Pictures told apart by what they show: handwritten digits, photographs."""

from lowland.tasks.images.options import ImagesOptions
from lowland.tasks.images.task import Images

__all__ = ["Images", "ImagesOptions"]
