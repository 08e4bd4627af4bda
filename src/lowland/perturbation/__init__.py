"""Disturbances of the inputs."""

from lowland.perturbation.attacks import ATTACKS, Attacked, AttackOptions, fgsm, pgd
from lowland.perturbation.ball import Ball
from lowland.perturbation.half_life import HalfLife, half_life, halfway
from lowland.perturbation.input_noise import (
    INPUT_NOISES,
    FeatureRanges,
    InputNoiseOptions,
    draw,
    gaussian,
    salt_and_pepper,
)

__all__ = [
    "ATTACKS",
    "INPUT_NOISES",
    "AttackOptions",
    "Attacked",
    "Ball",
    "FeatureRanges",
    "HalfLife",
    "InputNoiseOptions",
    "draw",
    "fgsm",
    "gaussian",
    "half_life",
    "halfway",
    "pgd",
    "salt_and_pepper",
]
