"""Disturbances of the inputs."""

from lowland.perturbation.input_noise import (
    INPUT_NOISES,
    FeatureRanges,
    InputNoiseOptions,
    draw,
    gaussian,
    salt_and_pepper,
)

__all__ = ["INPUT_NOISES", "FeatureRanges", "InputNoiseOptions", "draw", "gaussian", "salt_and_pepper"]
