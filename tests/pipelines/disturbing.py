"""All disturbances of a cell, family by family, as the stage places its nodes."""

from lowland.measurements import stack
from lowland.pipelines.perturbation.nodes import (
    under_attack,
    under_faults,
    under_noise,
    with_broken_sensors,
    with_spoiled_images,
)
from lowland.tasks import build_task


def disturb(cell, task, noise, sensors, images, attacks, faults, half_life, data, model):
    """Rows of every family whose options ask for something."""
    asked = [
        (under_noise, noise, noise.kinds),
        (with_broken_sensors, sensors, sensors.levels),
        (with_spoiled_images, images, images.kinds and build_task(task).about.meets["image_corruption"]),
        (under_attack, attacks, attacks.kinds),
        (under_faults, faults, faults.by_fault),
    ]
    return stack(node(cell, task, options, half_life, data, model) for node, options, wanted in asked if wanted)
